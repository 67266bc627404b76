local test = = 1
