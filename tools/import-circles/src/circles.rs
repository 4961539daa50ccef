//! Circles of imports between files: the strongly connected components of the import graph.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use crate::imports::Imports;
use crate::package::FileId;

/// Files that all reach each other, and the imports between them.
#[derive(Debug)]
pub(crate) struct Circle {
    pub(crate) files: Vec<PathBuf>,
    edges: Vec<Edge>,
}

/// One import. Imports are printed in the order of their fields.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    from: PathBuf,
    line: usize,
    to: PathBuf,
    names: Vec<String>,
}

/// Returns the circles, in the order of their first files.
pub(crate) fn find(files: &[PathBuf], imports: &Imports) -> Vec<Circle> {
    let mut targets: BTreeMap<FileId, Vec<FileId>> = BTreeMap::new();
    for (from, to) in imports.keys() {
        targets.entry(*from).or_default().push(*to);
    }
    let reached: Vec<BTreeSet<FileId>> = (0..files.len()).map(|file| reach(file, &targets)).collect();
    let mut taken = BTreeSet::new();
    let mut circles = Vec::new();
    for file in 0..files.len() {
        if taken.contains(&file) || !reached[file].contains(&file) {
            continue;
        }
        let members: BTreeSet<FileId> =
            reached[file].iter().copied().filter(|other| reached[*other].contains(&file)).collect();
        let mut edges: Vec<Edge> = imports
            .iter()
            .filter(|((from, to), _)| members.contains(from) && members.contains(to))
            .map(|((from, to), reason)| Edge {
                from: files[*from].clone(),
                line: reason.line,
                to: files[*to].clone(),
                names: reason.names.iter().cloned().collect(),
            })
            .collect();
        edges.sort();
        let mut paths: Vec<PathBuf> = members.iter().map(|member| files[*member].clone()).collect();
        paths.sort();
        circles.push(Circle { files: paths, edges });
        taken.extend(members);
    }
    circles.sort_by(|a, b| a.files.cmp(&b.files));
    circles
}

/// Returns the files that a file imports, directly or through others.
fn reach(file: FileId, targets: &BTreeMap<FileId, Vec<FileId>>) -> BTreeSet<FileId> {
    let mut reached = BTreeSet::new();
    let mut open = vec![file];
    while let Some(file) = open.pop() {
        for target in targets.get(&file).into_iter().flatten() {
            if reached.insert(*target) {
                open.push(*target);
            }
        }
    }
    reached
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} files import each other in a circle:", self.files.len())?;
        for edge in &self.edges {
            let (from, to) = (edge.from.display(), edge.to.display());
            writeln!(f, "  {from}:{} -> {to} ({})", edge.line, edge.names.join(", "))?;
        }
        Ok(())
    }
}
