"""What happens at a form: it is opened, asked, filled in, corrected, shown and sent."""
