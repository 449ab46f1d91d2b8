"""Scores of answers, shadow grading, and accuracies corrected by both."""
