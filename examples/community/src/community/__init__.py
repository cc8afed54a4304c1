"""A small community: members and their posts, and a bot that does jobs."""
