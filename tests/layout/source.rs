//! What one file of the source has in it, unit tests left out.

use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItemFn, Item, ItemFn, ItemUse, Macro, TraitItemFn, UseTree, Visibility};

/// A file of the source.
#[derive(Default)]
pub(crate) struct Source {
    /// Its path from `src`, with slashes.
    pub(crate) file: String,
    /// The module that it is: `["chain", "policy"]`.
    pub(crate) module: Vec<String>,
    /// Paths that it names, with what it re-exports left out.
    pub(crate) paths: Vec<Vec<String>>,
    /// What it re-exports: the name, and its path.
    pub(crate) reexports: Vec<(String, Vec<String>)>,
    pub(crate) functions: Vec<Function>,
    pub(crate) lines: usize,
    pub(crate) docs: usize,
    /// Public structs, enums, traits, unions and aliases.
    pub(crate) types: usize,
    /// Those among them that derive `Error`.
    pub(crate) errors: usize,
}

pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) lines: usize,
}

/// Every file below `src`, but files of unit tests and stand-ins.
pub(crate) fn read_all(src: &Path) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut folders = vec![src.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let file = path.strip_prefix(src).unwrap().to_str().unwrap();
            let file = file.replace('\\', "/");
            if path.is_dir() {
                folders.push(path);
            } else if file.ends_with(".rs") && !file.ends_with("_tests.rs") {
                sources.push(Source::read(file, &fs::read_to_string(&path).unwrap()));
            }
        }
    }
    sources.sort_by(|one, other| one.file.cmp(&other.file));
    sources
}

impl Source {
    fn read(file: String, text: &str) -> Self {
        let stem = file.trim_end_matches(".rs");
        let stem = stem.trim_end_matches("/mod");
        let module = match stem {
            "lib" | "main" => Vec::new(),
            stem => stem.split('/').map(str::to_owned).collect(),
        };
        let parsed = syn::parse_file(text).unwrap();
        let tests = parsed.items.iter().find(|item| is_test(item));
        let code = match tests {
            Some(tests) => tests.span().start().line - 1,
            None => text.lines().count(),
        };
        let is_doc = |line: &&str| {
            let line = line.trim_start();
            line.starts_with("///") || line.starts_with("//!")
        };
        let mut source = Self {
            file,
            module,
            lines: code,
            docs: text.lines().take(code).filter(is_doc).count(),
            ..Self::default()
        };
        source.visit_file(&parsed);
        source
    }

    /// Whether it names an item of the crate's root, which other files define.
    pub(crate) fn imports_root_items(&self) -> bool {
        let is_item = |path: &&Vec<String>| {
            let name = path.get(1).and_then(|name| name.chars().next());
            path[0] == "crate" && name.is_some_and(char::is_uppercase)
        };
        self.paths.iter().find(is_item).is_some()
    }

    fn count(&mut self, visibility: &Visibility, attributes: &[Attribute]) {
        if !matches!(visibility, Visibility::Public(_)) {
            return;
        }
        self.types += 1;
        let derives = attributes.iter().filter(|it| it.path().is_ident("derive"));
        let names = derives.filter_map(|it| it.meta.require_list().ok());
        let mut names = names.map(|list| list.tokens.to_string());
        if names.any(|names| names.split([',', ' ']).any(|name| name == "Error")) {
            self.errors += 1;
        }
    }

    fn note_function(&mut self, name: String, spanned: impl syn::spanned::Spanned) {
        let span = spanned.span();
        let lines = span.end().line - span.start().line + 1;
        self.functions.push(Function { name, lines });
    }
}

impl<'a> Visit<'a> for Source {
    fn visit_item(&mut self, item: &'a Item) {
        if is_test(item) {
            return;
        }
        match item {
            Item::Struct(item) => self.count(&item.vis, &item.attrs),
            Item::Enum(item) => self.count(&item.vis, &item.attrs),
            Item::Trait(item) => self.count(&item.vis, &item.attrs),
            Item::Type(item) => self.count(&item.vis, &item.attrs),
            Item::Union(item) => self.count(&item.vis, &item.attrs),
            _ => {}
        }
        visit::visit_item(self, item);
    }

    fn visit_item_use(&mut self, item: &'a ItemUse) {
        let mut named = Vec::new();
        expand(&item.tree, &mut Vec::new(), &mut named);
        match item.vis {
            Visibility::Inherited => self.paths.extend(named.into_iter().map(|(_, path)| path)),
            _ => self.reexports.extend(named),
        }
    }

    /// `pub(super)` imports nothing.
    fn visit_visibility(&mut self, _: &'a Visibility) {}

    fn visit_path(&mut self, path: &'a syn::Path) {
        let names = path.segments.iter().map(|it| it.ident.to_string());
        self.paths.push(names.collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'a Macro) {
        let text = names(called.tokens.clone()).replace(" :: ", "::");
        let paths = text.split(' ').filter(|word| word.contains("::"));
        self.paths
            .extend(paths.map(|path| path.split("::").map(str::to_owned).collect::<Vec<_>>()));
        visit::visit_macro(self, called);
    }

    fn visit_item_fn(&mut self, item: &'a ItemFn) {
        self.note_function(item.sig.ident.to_string(), &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'a ImplItemFn) {
        self.note_function(item.sig.ident.to_string(), &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'a TraitItemFn) {
        if let Some(block) = &item.default {
            self.note_function(item.sig.ident.to_string(), block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

/// The names and colons among the tokens of a macro: no strings, and so no documentation.
fn names(tokens: TokenStream) -> String {
    let words = tokens.into_iter().map(|token| match token {
        TokenTree::Group(group) => format!(" {} ", names(group.stream())),
        TokenTree::Ident(name) => format!(" {name} "),
        TokenTree::Punct(mark) if mark.as_char() == ':' => ":".to_owned(),
        TokenTree::Punct(_) | TokenTree::Literal(_) => " , ".to_owned(),
    });
    words.collect()
}

/// Whether it is there for unit tests only.
fn is_test(item: &Item) -> bool {
    let attributes = match item {
        Item::Mod(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        _ => return false,
    };
    attributes.iter().any(|attribute| {
        let list = attribute.meta.require_list().ok();
        attribute.path().is_ident("cfg") && list.is_some_and(|it| it.tokens.to_string() == "test")
    })
}

/// The names that a `use` brings, and their paths.
fn expand(tree: &UseTree, prefix: &mut Vec<String>, named: &mut Vec<(String, Vec<String>)>) {
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            expand(&path.tree, prefix, named);
            prefix.pop();
        }
        UseTree::Group(group) => {
            group.items.iter().for_each(|tree| expand(tree, prefix, named));
        }
        UseTree::Name(name) => {
            let mut path = prefix.clone();
            let name = name.ident.to_string();
            if name != "self" {
                path.push(name);
            }
            named.push((path.last().cloned().unwrap_or_default(), path));
        }
        UseTree::Rename(rename) => {
            let mut path = prefix.clone();
            path.push(rename.ident.to_string());
            named.push((rename.rename.to_string(), path));
        }
        UseTree::Glob(_) => named.push(("*".to_owned(), prefix.clone())),
    }
}
