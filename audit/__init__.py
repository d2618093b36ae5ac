"""閲覧記録: the read log. Append, search; knows no other app."""
