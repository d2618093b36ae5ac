"""利用者と閲覧権限: organisations, staff, cards; claims → clearance; policy; disclosure; sign-in."""
