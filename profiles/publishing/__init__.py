"""From measured profiles to the active catalog: checks, differences, versions, going back."""
