"""The reader study: people rate images without knowing how they were made; what they say is kept, and reported.

`creating` makes a study folder, `server` shows it to readers, `reporting` says what came out. The key, which tells who
made which image, is read by the first and the last alone.
"""
