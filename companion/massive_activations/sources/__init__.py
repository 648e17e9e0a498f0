"""The authors' measurements, the shapes of Pythia, and the numbers that the paper prints."""
