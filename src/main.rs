//! The thin binary: everything lives in the library; here only its exit code becomes the process's.

fn main() -> std::process::ExitCode {
    conductor::cli::main()
}
