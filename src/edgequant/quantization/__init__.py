"""The reference: a network with integer parameters for every tensor. Not how it is computed."""
