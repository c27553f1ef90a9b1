"""The images of a project in words: their list, and files before and after they are added."""
