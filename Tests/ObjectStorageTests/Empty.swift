// Empty until this suite's first file.
