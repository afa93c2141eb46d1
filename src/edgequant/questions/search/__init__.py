"""Which mix of schemes keeps accuracy at the least price."""
