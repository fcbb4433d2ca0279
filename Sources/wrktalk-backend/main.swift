// Empty until this program's first file.
