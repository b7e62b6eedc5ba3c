"""Select: which backbone is to be tuned on this data?"""
