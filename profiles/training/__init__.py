"""Trains the success model on graded answers, and adds pairs to it."""
