//! The modules of all crates, and the files that a path in one of them reaches.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::source::{SourceText, SourceTree};
use super::tokens::{CodeToken, UseImport, after_group, imports, is_name, shipped_tokens, text};

/// Most re-exports in a row that a name is followed through.
const REEXPORTS_MAX: usize = 8;

/// One file of a crate's `src`.
pub struct CrateModule<'a> {
    pub file: &'a SourceText,
    /// From the crate's root.
    path: Vec<&'a str>,
    /// Without items for tests only and without `use` items.
    pub tokens: Vec<CodeToken<'a>>,
    /// For each token, the `mod NAME { … }` blocks around it.
    depths: Vec<usize>,
    imports: Vec<UseImport<'a>>,
    /// `mod NAME;`
    children: BTreeSet<&'a str>,
    /// Types and traits.
    types: BTreeSet<&'a str>,
}

/// The modules of a tree by room and path.
pub struct ModuleGraph<'a> {
    pub modules: Vec<CrateModule<'a>>,
    by_path: HashMap<(&'a str, Vec<&'a str>), usize>,
}

/// End of a path, and the modules that it names on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathTarget {
    /// The modules it depends on: the one it names, and the one a re-export leads on to.
    pub modules: Vec<usize>,
    /// The module and the name of the item.
    pub item: Option<(usize, String)>,
}

impl<'a> ModuleGraph<'a> {
    /// Reads the `src` folders of all rooms.
    pub fn new(tree: &'a SourceTree) -> ModuleGraph<'a> {
        let modules: Vec<CrateModule<'a>> = tree.rust().filter_map(module).collect();
        let mut by_path = HashMap::new();
        for (at, module) in modules.iter().enumerate() {
            // A library comes before the binary beside it.
            by_path.entry((module.file.room(), module.path.clone())).or_insert(at);
        }
        ModuleGraph { modules, by_path }
    }

    /// For each module, the others of its crate that it imports from.
    pub fn edges(&self) -> Vec<BTreeSet<usize>> {
        (0..self.modules.len()).map(|from| self.imported(from)).collect()
    }

    fn imported(&self, from: usize) -> BTreeSet<usize> {
        let module = &self.modules[from];
        let mut reached = BTreeSet::new();
        for import in &module.imports {
            // A façade names its parts for others; that alone makes it need none of them.
            if import.is_reexport && !module.uses(import.alias) {
                continue;
            }
            reached.extend(self.target(from, &import.path, import.depth).modules);
        }
        for (path, depth) in module.paths() {
            reached.extend(self.target(from, &path, depth).modules);
        }
        let room = module.file.room();
        reached.retain(|to| *to != from && self.modules[*to].file.room() == room);
        reached
    }

    /// Rooms by what they name: how many of a room's files name another room.
    pub fn arrows(&self) -> BTreeMap<(&'a str, &'a str), usize> {
        let mut arrows = BTreeMap::new();
        for (from, module) in self.modules.iter().enumerate() {
            let imports = module.imports.iter().map(|it| (it.path.clone(), it.depth));
            let targets = imports
                .chain(module.paths())
                .flat_map(|(path, depth)| self.target(from, &path, depth).modules);
            let rooms: BTreeSet<&str> = targets.map(|to| self.modules[to].file.room()).collect();
            for room in rooms.into_iter().filter(|room| *room != module.file.room()) {
                *arrows.entry((module.file.room(), room)).or_insert(0) += 1;
            }
        }
        arrows
    }

    /// The definition that a type's path stands for, if it is in the workspace.
    pub fn definition(&self, from: usize, path: &[&str]) -> Option<(usize, String)> {
        let (module, name) = self.target(from, path, 0).item?;
        self.modules[module].types.contains(name.as_str()).then_some((module, name))
    }

    /// Follows a path as it is written in a module.
    fn target(&self, from: usize, path: &[&str], depth: usize) -> PathTarget {
        self.follow(from, path, depth, REEXPORTS_MAX)
    }

    fn follow(&self, from: usize, path: &[&str], depth: usize, left: usize) -> PathTarget {
        let Some((first, rest)) = path.split_first() else {
            return PathTarget::default();
        };
        let module = &self.modules[from];
        let room = module.file.room();
        match *first {
            "crate" => self.walk_from_root(room, rest, left),
            "self" => self.walk(from, rest, left),
            // `super` in an inline module is the file itself.
            "super" if depth > 0 => self.follow_here(from, rest, depth - 1, left),
            "super" => self.walk(from, path, left),
            name if module.children.contains(name) => self.walk(from, path, left),
            name => {
                let imported = module.imports.iter().find(|import| import.alias == name);
                match imported.filter(|import| left > 0 && import.path != [name]) {
                    Some(import) => {
                        let whole: Vec<&str> = import.path.iter().chain(rest).copied().collect();
                        self.follow(from, &whole, import.depth, left - 1)
                    }
                    None => self.foreign(from, path, left),
                }
            }
        }
    }

    fn follow_here(&self, from: usize, rest: &[&str], depth: usize, left: usize) -> PathTarget {
        match rest.first() {
            Some(&"super") => self.follow(from, rest, depth, left),
            _ => self.walk(from, rest, left),
        }
    }

    /// A path whose first name nothing brought in: another room, or an item of this file.
    fn foreign(&self, from: usize, path: &[&str], left: usize) -> PathTarget {
        let (Some((first, rest)), module) = (path.split_first(), &self.modules[from]) else {
            return PathTarget::default();
        };
        if module.types.contains(first) {
            return PathTarget { modules: Vec::new(), item: Some((from, (*first).to_owned())) };
        }
        let room = self.by_path.keys().find(|(room, path)| {
            path.is_empty() && room.replace('-', "_") == *first && *room != module.file.room()
        });
        room.map_or(PathTarget::default(), |(room, _)| self.walk_from_root(room, rest, left))
    }

    fn walk_from_root(&self, room: &str, rest: &[&str], left: usize) -> PathTarget {
        let root = self.by_path.get(&(room, Vec::new()));
        root.map_or(PathTarget::default(), |root| self.walk(*root, rest, left))
    }

    /// Follows a path from module to module, then through re-exports to its item.
    fn walk(&self, from: usize, path: &[&str], left: usize) -> PathTarget {
        let mut here = from;
        for (at, segment) in path.iter().enumerate() {
            let module = &self.modules[here];
            let mut next = module.path.clone();
            match *segment {
                "self" => continue,
                "super" => {
                    next.pop();
                }
                name => next.push(name),
            }
            match self.by_path.get(&(module.file.room(), next)) {
                Some(next) => here = *next,
                None => return self.item(here, &path[at..], left),
            }
        }
        PathTarget { modules: vec![here], item: None }
    }

    /// An item of a module, which may stand there for one of another.
    fn item(&self, here: usize, path: &[&str], left: usize) -> PathTarget {
        let name = path.first().copied().unwrap_or("");
        let module = &self.modules[here];
        let mut target = PathTarget { modules: vec![here], item: Some((here, name.to_owned())) };
        let is_named = |import: &&UseImport<'_>| import.alias == name;
        if left > 0 && !module.types.contains(name) && module.imports.iter().any(|it| is_named(&it))
        {
            let on = self.follow(here, path, 0, left - 1);
            target.modules.extend(on.modules);
            target.item = on.item;
        }
        target
    }
}

impl<'a> CrateModule<'a> {
    /// The folder that the file lies in.
    pub fn folder(&self) -> &'a str {
        self.file.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// True when code here calls or names the item of a re-export.
    fn uses(&self, alias: &str) -> bool {
        let is_type = alias.starts_with(char::is_uppercase);
        self.tokens.iter().enumerate().any(|(at, token)| {
            let before = at.checked_sub(1).map_or("", |at| text(&self.tokens, at));
            token.text == alias
                && ![".", "::", "fn", "let", "mod", "struct", "enum"].contains(&before)
                && (is_type || ["(", "::", "!"].contains(&text(&self.tokens, at + 1)))
        })
    }

    /// Paths of two segments or more in the code.
    fn paths(&self) -> impl Iterator<Item = (Vec<&'a str>, usize)> {
        let is_start = |at: &usize| {
            let before = |back: usize| at.checked_sub(back).map_or("", |at| text(&self.tokens, at));
            is_name(text(&self.tokens, *at))
                && text(&self.tokens, at + 1) == "::"
                && !["::", ".", "$"].contains(&before(1))
                // `pub(in crate::a)` says who may see, and takes nothing.
                && !(before(1) == "in" && before(3) == "pub")
        };
        (0..self.tokens.len()).filter(is_start).map(|start| {
            let mut path = vec![text(&self.tokens, start)];
            let mut at = start + 1;
            while text(&self.tokens, at) == "::" && is_name(text(&self.tokens, at + 1)) {
                path.push(text(&self.tokens, at + 1));
                at += 2;
            }
            (path, self.depths[start])
        })
    }
}

fn module(file: &SourceText) -> Option<CrateModule<'_>> {
    let (_, inside) = file.path.split_once("/src/").filter(|(room, _)| *room == file.room())?;
    let mut path: Vec<&str> = inside.strip_suffix(".rs")?.split('/').collect();
    path.pop_if(|last| ["lib", "main", "mod"].contains(last));
    let all = shipped_tokens(&file.code);
    let (mut kept, mut depths, mut taken) = (Vec::new(), Vec::new(), Vec::new());
    let mut blocks: Vec<usize> = Vec::new();
    let (mut children, mut types) = (BTreeSet::new(), BTreeSet::new());
    let mut at = 0;
    while at < all.len() {
        blocks.retain(|end| at < *end);
        match text(&all, at) {
            "mod" if text(&all, at + 2) == "{" => blocks.push(after_group(&all, at + 2)),
            "mod" if text(&all, at + 2) == ";" => drop(children.insert(text(&all, at + 1))),
            "struct" | "enum" | "union" | "trait" | "type" => {
                types.insert(text(&all, at + 1));
            }
            "use" => {
                let (found, end) = imports(&all, at);
                let inside = found.into_iter().map(|it| UseImport { depth: blocks.len(), ..it });
                taken.extend(inside);
                at = end;
                continue;
            }
            _ => {}
        }
        kept.push(all[at]);
        depths.push(blocks.len());
        at += 1;
    }
    Some(CrateModule { file, path, tokens: kept, depths, imports: taken, children, types })
}
