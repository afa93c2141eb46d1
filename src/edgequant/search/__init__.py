"""Answers about layers: how much each costs and which mix is best, as algorithms. Not the questions of a user."""
