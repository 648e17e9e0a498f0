"""The concept world, the theorem's identity, concept directions, structured autoencoders."""
