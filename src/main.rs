//! The thin binary: parse arguments, run the command, print the error once, choose the exit code.

fn main() {}
