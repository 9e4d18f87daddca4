"""The staff's side: sign-in, the list of submissions, one submission with its history and log, missed questions."""
