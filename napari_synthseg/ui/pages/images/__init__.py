"""The images of the project: their list, what each is for, which part of it counts, imports."""
