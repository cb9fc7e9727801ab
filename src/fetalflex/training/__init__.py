"""Training: from a data set to a model folder, in three stages."""
