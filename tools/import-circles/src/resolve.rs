//! Resolves a path to the items that it names.

use crate::package::{Entry, ModuleId, Namespace, Package, Target};
use crate::use_tree::NamePath;

/// The lookups in progress. They end the search if imports refer to each other.
type Pending = Vec<(ModuleId, String, Namespace)>;

impl Package<'_> {
    /// Returns the items of this package that a path in a module leads to. A path into a type leads to the type. Names
    /// of other crates, of local variables, and of generated items are not found.
    pub(crate) fn resolve(&self, module: ModuleId, path: &NamePath, namespace: Namespace) -> Vec<Target> {
        self.resolve_pending(module, path, namespace, &mut Vec::new())
    }

    fn resolve_pending(
        &self,
        module: ModuleId,
        path: &NamePath,
        namespace: Namespace,
        pending: &mut Pending,
    ) -> Vec<Target> {
        let Some((first, mut rest)) = path.segments.split_first() else { return Vec::new() };
        let namespace_before = |rest: &[String]| if rest.is_empty() { namespace } else { Namespace::Type };
        let mut targets = match first.as_str() {
            "crate" => vec![Target::Module(self.modules[module].root)],
            "self" | "super" => {
                let mut named = Some(self.named(module));
                if first == "super" {
                    named = named.and_then(|named| self.parent(named));
                }
                while let Some((_, following)) = rest.split_first().filter(|(segment, _)| *segment == "super") {
                    named = named.and_then(|named| self.parent(named));
                    rest = following;
                }
                named.map(Target::Module).into_iter().collect()
            }
            _ if path.is_global => self.library_named(first),
            _ => self.find_in_scope(module, first, namespace_before(rest), pending),
        };
        while let Some((segment, following)) = rest.split_first() {
            let mut next = Vec::new();
            for target in targets {
                let found = match target {
                    Target::Module(module) => self.find(module, segment, namespace_before(following), pending),
                    Target::Definition(_) => vec![target],
                };
                next.extend(found.into_iter().filter(|target| !next.contains(target)).collect::<Vec<_>>());
            }
            targets = next;
            rest = following;
        }
        targets
    }

    /// Looks a name up in the surrounding blocks, in the module, and then among the crates that the package knows.
    fn find_in_scope(&self, module: ModuleId, name: &str, namespace: Namespace, pending: &mut Pending) -> Vec<Target> {
        let mut scope = Some(module);
        while let Some(module) = scope {
            let found = self.find(module, name, namespace, pending);
            if !found.is_empty() {
                return found;
            }
            // The macros of a parent are in scope in its children.
            let goes_on = self.modules[module].is_block || namespace == Namespace::Macro;
            scope = self.modules[module].parent.filter(|_| goes_on);
        }
        self.library_named(name)
    }

    fn library_named(&self, name: &str) -> Vec<Target> {
        self.library.iter().filter(|(library, _)| library == name).map(|(_, root)| Target::Module(*root)).collect()
    }

    /// Looks a name up among the items and imports of one module.
    fn find(&self, module: ModuleId, name: &str, namespace: Namespace, pending: &mut Pending) -> Vec<Target> {
        let lookup = (module, name.to_owned(), namespace);
        if pending.contains(&lookup) {
            return Vec::new();
        }
        pending.push(lookup);
        let mut found = Vec::new();
        for entry in self.modules[module].names.get(name).into_iter().flatten() {
            match entry {
                Entry::Own(target) if self.is_in(*target, namespace) => found.push(*target),
                Entry::Own(_) => {}
                Entry::Import(path, Namespace::Type) if namespace == Namespace::Any => {
                    found.extend(self.resolve_pending(module, path, Namespace::Type, pending));
                }
                Entry::Import(_, bound) if *bound != Namespace::Any && *bound != namespace => {}
                Entry::Import(path, _) => found.extend(self.resolve_pending(module, path, namespace, pending)),
            }
        }
        if found.is_empty() {
            for path in &self.modules[module].globs {
                for target in self.resolve_pending(module, path, Namespace::Type, pending) {
                    match target {
                        Target::Module(module) => found.extend(self.find(module, name, namespace, pending)),
                        Target::Definition(id) => {
                            let is_variant = self.definitions[id].variants.iter().any(|variant| variant == name);
                            found.extend(is_variant.then_some(target));
                        }
                    }
                }
            }
        }
        pending.pop();
        found
    }

    fn is_in(&self, target: Target, namespace: Namespace) -> bool {
        match target {
            Target::Module(_) => matches!(namespace, Namespace::Type | Namespace::Any),
            Target::Definition(id) => self.definitions[id].is_in(namespace),
        }
    }

    /// Returns the module around a block of statements.
    fn named(&self, mut module: ModuleId) -> ModuleId {
        while let Some(parent) = self.modules[module].parent.filter(|_| self.modules[module].is_block) {
            module = parent;
        }
        module
    }

    fn parent(&self, module: ModuleId) -> Option<ModuleId> {
        self.modules[module].parent.map(|parent| self.named(parent))
    }
}
