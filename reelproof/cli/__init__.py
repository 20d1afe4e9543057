"""The command line: one module a group of commands, all output through `reelproof.cli.output`."""
