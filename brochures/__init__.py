"""What may be answered, and from where: brochure facts, our own sentences about them, and the municipalities."""
