//! Which file imports which.

use std::collections::{BTreeMap, BTreeSet};

use super::source::Source;

/// Arrows from each file to those that define what it names.
pub(crate) struct Graph<'s> {
    arrows: BTreeMap<&'s str, BTreeSet<&'s str>>,
}

struct Modules<'s>(BTreeMap<&'s [String], &'s Source>);

impl<'s> Graph<'s> {
    pub(crate) fn new(sources: &'s [Source]) -> Self {
        let modules = Modules(sources.iter().map(|it| (it.module.as_slice(), it)).collect());
        let arrows = sources.iter().map(|source| {
            let targets = source.paths.iter();
            let targets = targets.filter_map(|path| modules.defining(source, path, 0));
            let targets = targets.map(|target| target.file.as_str());
            let others = targets.filter(|target| *target != source.file);
            (source.file.as_str(), others.collect())
        });
        Self { arrows: arrows.collect() }
    }

    /// Groups of files each of which reaches all others of its group.
    pub(crate) fn circles(&self) -> Vec<Vec<&'s str>> {
        let reached: BTreeMap<_, _> = self.arrows.keys().map(|it| (*it, self.from(it))).collect();
        let mut circles = BTreeSet::new();
        for (file, others) in &reached {
            let back = others.iter().filter(|other| reached[*other].contains(file));
            let circle: Vec<_> = back.copied().collect();
            if circle.len() > 1 {
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }

    pub(crate) fn arrows_within<'a>(
        &'a self,
        files: &'a [&'s str],
    ) -> impl Iterator<Item = (&'s str, &'s str)> + 'a {
        files.iter().flat_map(move |from| {
            let inside = self.arrows[from].iter().filter(|to| files.contains(to));
            inside.map(move |to| (*from, *to))
        })
    }

    /// What is reached from a file, itself only in a circle.
    fn from(&self, file: &str) -> BTreeSet<&'s str> {
        let mut reached = BTreeSet::new();
        let mut open: Vec<_> = self.arrows[file].iter().copied().collect();
        while let Some(next) = open.pop() {
            if reached.insert(next) {
                open.extend(&self.arrows[next]);
            }
        }
        reached
    }
}

impl<'s> Modules<'s> {
    /// The file that defines what `path` names in `source`; `None` if it is not of this crate.
    fn defining(&self, source: &Source, path: &[String], hops: usize) -> Option<&'s Source> {
        let (module, rest) = self.module(source, path)?;
        let found = *self.0.get(module.as_slice())?;
        let reexport = rest.first().and_then(|name| {
            let mut reexports = found.reexports.iter();
            reexports.find(|(exported, _)| exported == name)
        });
        match reexport {
            Some((_, path)) if hops < MAX_HOPS => {
                self.defining(found, path, hops + 1).or(Some(found))
            }
            _ => Some(found),
        }
    }

    /// The module that `path` leads to, and the names that are left.
    fn module<'p>(
        &self,
        source: &Source,
        path: &'p [String],
    ) -> Option<(Vec<String>, &'p [String])> {
        let first = path.first()?;
        let (mut module, mut rest) = match first.as_str() {
            "crate" => (Vec::new(), &path[1..]),
            "self" => (source.module.clone(), &path[1..]),
            "super" => {
                let ups = path.iter().take_while(|name| *name == "super").count();
                let kept = source.module.len().checked_sub(ups)?;
                (source.module[..kept].to_vec(), &path[ups..])
            }
            _ if self.has(&source.module, first) => (source.module.clone(), path),
            _ => return None,
        };
        while let Some(name) = rest.first().filter(|name| self.has(&module, name)) {
            module.push(name.clone());
            rest = &rest[1..];
        }
        Some((module, rest))
    }

    fn has(&self, module: &[String], child: &str) -> bool {
        let mut path = module.to_vec();
        path.push(child.to_owned());
        self.0.contains_key(path.as_slice())
    }
}

/// Re-exports of re-exports.
const MAX_HOPS: usize = 8;
