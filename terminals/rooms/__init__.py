"""Rooms: who was in them, which terminals stand in them."""
