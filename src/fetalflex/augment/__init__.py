"""Labelled data sets in bulk: a plan, and from it many normal and abnormal images, checked and reproducible."""
