// Empty until this module's first file.
