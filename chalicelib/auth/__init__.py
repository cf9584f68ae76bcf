"""Who calls: bearer text in, a principal out."""
