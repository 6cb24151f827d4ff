//! Files and folders as plain data, read from a folder and written into one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A file, whatever its name is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Dir,
    File(FileId),
}

#[derive(Clone, Debug, Default)]
pub struct Tree {
    nodes: BTreeMap<PathBuf, Node>,
    contents: BTreeMap<FileId, Vec<u8>>,
}

impl Tree {
    /// Everything below this folder.
    pub fn read(root: &Path) -> Tree {
        let mut tree = Tree::default();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            let mut entries: Vec<PathBuf> =
                fs::read_dir(&folder).expect("a folder").flatten().map(|e| e.path()).collect();
            entries.sort();
            for path in entries {
                let name = path.strip_prefix(root).expect("below it").to_owned();
                if path.is_dir() {
                    tree.nodes.insert(name, Node::Dir);
                    folders.push(path);
                } else {
                    let id = FileId(tree.contents.len() as u64);
                    tree.nodes.insert(name, Node::File(id));
                    tree.contents.insert(id, fs::read(&path).expect("a file"));
                }
            }
        }
        tree
    }

    pub fn write(&self, root: &Path) {
        for (path, node) in &self.nodes {
            let path = root.join(path);
            match node {
                Node::Dir => fs::create_dir_all(path).expect("a folder"),
                Node::File(id) => {
                    let bytes = self.contents.get(id).map_or(&[][..], Vec::as_slice);
                    fs::write(path, bytes).expect("a file");
                }
            }
        }
    }

    /// Names and their files.
    pub fn files(&self) -> impl Iterator<Item = (&Path, FileId)> {
        self.nodes.iter().filter_map(|(path, node)| match node {
            Node::Dir => None,
            Node::File(id) => Some((path.as_path(), *id)),
        })
    }

    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        self.nodes.iter().filter(|(_, node)| **node == Node::Dir).map(|(path, _)| path.as_path())
    }

    pub fn content(&self, file: FileId) -> &[u8] {
        self.contents.get(&file).map_or(&[], Vec::as_slice)
    }

    pub fn next_id(&self) -> u64 {
        self.contents.keys().next_back().map_or(0, |id| id.0 + 1)
    }

    fn has_dir(&self, path: &Path) -> bool {
        path == Path::new("") || self.nodes.get(path) == Some(&Node::Dir)
    }

    /// An operation on a name whose folder did not reach the disk did not either.
    fn has_place(&self, path: &Path) -> bool {
        path.parent().is_some_and(|parent| self.has_dir(parent))
    }

    pub fn make_dir(&mut self, path: &Path) {
        if self.has_place(path) {
            self.nodes.entry(path.to_owned()).or_insert(Node::Dir);
        }
    }

    pub fn create(&mut self, path: &Path, file: FileId) {
        if self.has_place(path) {
            self.nodes.insert(path.to_owned(), Node::File(file));
        }
    }

    pub fn remove(&mut self, path: &Path) {
        self.nodes.remove(path);
    }

    pub fn rename(&mut self, from: &Path, to: &Path) {
        if !self.nodes.contains_key(from) || !self.has_place(to) {
            return;
        }
        self.nodes.retain(|path, _| !path.starts_with(to));
        let moved: Vec<(PathBuf, Node)> =
            self.nodes.iter().filter(|(path, _)| path.starts_with(from)).map(|(p, n)| (p.clone(), *n)).collect();
        for (path, node) in moved {
            self.nodes.remove(&path);
            let below = path.strip_prefix(from).expect("below it");
            let path = if below == Path::new("") { to.to_owned() } else { to.join(below) };
            self.nodes.insert(path, node);
        }
    }

    pub fn write_at(&mut self, file: FileId, at: u64, bytes: &[u8]) {
        self.lengthen(file, at + bytes.len() as u64);
        let content = self.contents.entry(file).or_default();
        content[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
    }

    pub fn lengthen(&mut self, file: FileId, len: u64) {
        let content = self.contents.entry(file).or_default();
        if (content.len() as u64) < len {
            content.resize(len as usize, 0);
        }
    }

    pub fn truncate(&mut self, file: FileId, len: u64) {
        self.contents.entry(file).or_default().resize(len as usize, 0);
    }
}
