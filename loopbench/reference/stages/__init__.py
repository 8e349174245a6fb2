"""The stages of training, one readable file each, with a `main(argv)`."""
