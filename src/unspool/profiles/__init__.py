"""What was measured about models."""

from unspool.profiles.profile import Profile, Strategy
from unspool.profiles.reading import profile_of

__all__ = ["Profile", "Strategy", "profile_of"]
