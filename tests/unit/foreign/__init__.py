"""Every function that reads what others write, fed with 100 kB of what such functions stumble over."""
