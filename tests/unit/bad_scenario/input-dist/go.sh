: does nothing
