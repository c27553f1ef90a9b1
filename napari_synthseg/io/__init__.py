"""Files of others: images, labels, tables and boxes."""
