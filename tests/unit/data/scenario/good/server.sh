: is never run
