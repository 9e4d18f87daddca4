"""What a sentence tells about people, found by rules; which question it may answer is decided in `form`."""
