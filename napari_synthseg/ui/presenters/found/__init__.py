"""What single objects, mistakes and maps say of themselves: in words, rows and ranges."""
