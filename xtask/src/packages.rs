//! What apt and ldd say, read: which packages an unpacked one leans on, which libraries are missing.
//!
//! Promise: pure text in, names out; nothing here runs a program.

/// The libraries that ldd did not find, each once, in ldd's order.
pub fn missing_libraries(ldd: &str) -> Vec<String> {
    let mut missing: Vec<String> = Vec::new();
    let names = ldd.lines().filter_map(|line| line.trim().strip_suffix(" => not found"));
    for name in names.map(str::to_owned) {
        if !missing.contains(&name) {
            missing.push(name);
        }
    }
    missing
}

/// The library packages in a `Depends:` field: of alternatives the first, without versions and architectures.
pub fn library_packages(depends: &str) -> Vec<String> {
    depends
        .split(',')
        .filter_map(|entry| entry.split('|').next())
        .filter_map(|first| first.split_whitespace().next())
        .map(|name| name.split(':').next().unwrap_or(name).to_owned())
        .filter(|name| name.starts_with("lib"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ldd_tells_each_missing_library_once() {
        let said = "a:\n\tlibc.so.6 => /lib/libc.so.6 (0x7f)\n\tlibestr.so.0 => not found\nb:\n\tlibestr.so.0 => not found\n\tlibfastjson.so.4 => not found\n";
        assert_eq!(missing_libraries(said), ["libestr.so.0", "libfastjson.so.4"]);
        assert!(missing_libraries("\tstatically linked\n").is_empty());
    }

    #[test]
    fn depends_gives_library_names_without_versions() {
        let field = "libc6 (>= 2.34), liblognorm5:any (>= 2.0.3), libwrap0 (>= 7.6-4~) | libwrap1, sysvinit-utils (>= 3.05-4~) | lsb-base";
        assert_eq!(library_packages(field), ["libc6", "liblognorm5", "libwrap0"]);
    }
}
