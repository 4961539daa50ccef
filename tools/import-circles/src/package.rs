//! The modules of a crate, the files that they are in, and the names that each module has.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use syn::ext::IdentExt as _;
use syn::{Attribute, Expr, ForeignItem, Ident, Item, ItemMod, Lit, Meta};

use crate::conditions::{is_test_only, item_attributes};
use crate::fault::Fault;
use crate::sources::Sources;
use crate::use_tree::{self, Binding, NamePath};

/// An index into [`Package::files`].
pub(crate) type FileId = usize;
/// An index into [`Package::modules`].
pub(crate) type ModuleId = usize;

/// The kind of item that a name refers to. One name can have a meaning in each namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Namespace {
    /// Types, traits and modules.
    Type,
    /// Functions, constants, and constructors.
    Value,
    Macro,
    /// All three, as in a `use` declaration.
    Any,
}

/// An item that is not a module.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) file: FileId,
    pub(crate) name: String,
    namespaces: &'static [Namespace],
    /// The variants of an enum.
    pub(crate) variants: Vec<String>,
}

impl Definition {
    pub(crate) fn is_in(&self, namespace: Namespace) -> bool {
        namespace == Namespace::Any || self.namespaces.contains(&namespace)
    }
}

/// The target of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Module(ModuleId),
    /// An index into [`Package::definitions`].
    Definition(usize),
}

/// The meaning of a name in a module.
#[derive(Debug)]
pub(crate) enum Entry {
    Own(Target),
    Import(NamePath, Namespace),
}

/// A module, or the items of a block of statements.
pub(crate) struct Module {
    pub(crate) file: FileId,
    /// The module of the crate's root.
    pub(crate) root: ModuleId,
    /// The module around this one.
    pub(crate) parent: Option<ModuleId>,
    /// True for the items of a block of statements. They see the names around the block.
    pub(crate) is_block: bool,
    pub(crate) names: HashMap<String, Vec<Entry>>,
    /// The paths of glob imports.
    pub(crate) globs: Vec<NamePath>,
    /// The items without those of tests.
    pub(crate) items: Vec<Item>,
}

/// The location of a module's children.
#[derive(Clone)]
struct ModuleFolder {
    /// The folder of files that are named after their modules.
    folder: PathBuf,
    /// The folder to which `#[path]` is relative.
    path_folder: PathBuf,
}

/// One crate, or the library and the program of one package.
pub(crate) struct Package<'s> {
    sources: &'s dyn Sources,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) modules: Vec<Module>,
    pub(crate) definitions: Vec<Definition>,
    /// The library, with the name under which the program of the same package sees it.
    pub(crate) library: Option<(String, ModuleId)>,
}

impl<'s> Package<'s> {
    /// Reads `src/lib.rs`, `src/main.rs`, and all files that belong to them.
    pub(crate) fn load(sources: &'s dyn Sources, folder: &Path) -> Result<Self, Fault> {
        let mut package =
            Self { sources, files: Vec::new(), modules: Vec::new(), definitions: Vec::new(), library: None };
        let name = package.library_name(folder)?;
        let source_folder = folder.join("src");
        let module_folder = ModuleFolder { folder: source_folder.clone(), path_folder: source_folder.clone() };
        for root in ["lib.rs", "main.rs"] {
            let path = source_folder.join(root);
            if let Some(text) = package.read(&path)? {
                let id = package.add_file(&path, &text, None, &module_folder)?;
                if root == "lib.rs" {
                    package.library = Some((name.clone(), id));
                }
            }
        }
        if package.files.is_empty() {
            return Err(Fault::new(folder, "has neither src/lib.rs nor src/main.rs; name the folder of a crate"));
        }
        Ok(package)
    }

    /// Adds the items of a block of statements. Returns the module that represents the block.
    pub(crate) fn add_block(&mut self, around: ModuleId, items: Vec<Item>) -> Result<ModuleId, Fault> {
        let id = self.add_module(self.modules[around].file, Some(around), true);
        self.add_items(id, items, None)?;
        Ok(id)
    }

    fn library_name(&self, folder: &Path) -> Result<String, Fault> {
        let path = folder.join("Cargo.toml");
        let text = self.read(&path)?.ok_or_else(|| Fault::new(&path, "not found; name the folder of a crate"))?;
        let table: toml::Table =
            text.parse().map_err(|error| Fault::new(&path, format!("not a manifest of Cargo; correct it: {error}")))?;
        let name = |section: &str| table.get(section).and_then(|section| section.get("name")).and_then(|n| n.as_str());
        let name = name("lib").or_else(|| name("package"));
        name.map(|name| name.replace('-', "_")).ok_or_else(|| Fault::new(&path, "has no package; name its folder"))
    }

    fn read(&self, path: &Path) -> Result<Option<String>, Fault> {
        self.sources.read(path).map_err(|error| Fault::new(path, format!("{error}; check that the file can be read")))
    }

    fn add_file(
        &mut self,
        path: &Path,
        text: &str,
        parent: Option<ModuleId>,
        folder: &ModuleFolder,
    ) -> Result<ModuleId, Fault> {
        let parsed = syn::parse_file(text).map_err(|error| {
            let line = error.span().start().line;
            Fault::new(path, format!("line {line}: {error}; correct the file so that it compiles"))
        })?;
        let file = self.files.iter().position(|file| file == path).unwrap_or_else(|| {
            self.files.push(path.to_path_buf());
            self.files.len() - 1
        });
        let id = self.add_module(file, parent, false);
        if !is_test_only(&parsed.attrs) {
            self.add_items(id, parsed.items, Some(folder))?;
        }
        Ok(id)
    }

    fn add_module(&mut self, file: FileId, parent: Option<ModuleId>, is_block: bool) -> ModuleId {
        let id = self.modules.len();
        self.modules.push(Module {
            file,
            root: parent.map_or(id, |parent| self.modules[parent].root),
            parent,
            is_block,
            names: HashMap::new(),
            globs: Vec::new(),
            items: Vec::new(),
        });
        id
    }

    /// Adds items to a module and loads its children. A block of statements cannot have children in files.
    fn add_items(&mut self, module: ModuleId, items: Vec<Item>, folder: Option<&ModuleFolder>) -> Result<(), Fault> {
        for item in items {
            if is_test_only(item_attributes(&item)) {
                continue;
            }
            if let Item::Mod(child) = item {
                self.add_child(module, child, folder)?;
            } else {
                self.add_names(module, &item);
                self.modules[module].items.push(item);
            }
        }
        Ok(())
    }

    fn add_child(&mut self, module: ModuleId, child: ItemMod, folder: Option<&ModuleFolder>) -> Result<(), Fault> {
        let declared_in = self.files[self.modules[module].file].clone();
        let refuse = |message: &str| {
            let line = child.ident.span().start().line;
            Fault::new(&declared_in, format!("line {line}: mod {}: {message}", child.ident))
        };
        let name = child.ident.unraw().to_string();
        let path = path_attribute(&child.attrs)
            .map_err(|()| refuse("a path that depends on the build is not supported; use #[path = \"...\"]"))?;
        let id = if let Some((_, items)) = child.content {
            if path.is_some() {
                return Err(refuse("#[path] on a module with a body is not supported; remove it"));
            }
            let folder = folder.map(|folder| folder.folder.join(&name));
            let inner = folder.map(|folder| ModuleFolder { path_folder: folder.clone(), folder });
            let id = self.add_module(self.modules[module].file, Some(module), false);
            self.add_items(id, items, inner.as_ref())?;
            id
        } else {
            let folder = folder.ok_or_else(|| {
                refuse("a module in a file of its own cannot be declared in a function; declare it in a module")
            })?;
            let candidates = match path {
                Some(path) => {
                    let path = folder.path_folder.join(path);
                    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
                    vec![(path, folder)]
                }
                None => {
                    let own = folder.folder.join(&name);
                    vec![(folder.folder.join(format!("{name}.rs")), own.clone()), (own.join("mod.rs"), own)]
                }
            };
            let mut found = None;
            for (path, folder) in &candidates {
                if let Some(text) = self.read(path)? {
                    let path_folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
                    found = Some((path, text, ModuleFolder { folder: folder.clone(), path_folder }));
                    break;
                }
            }
            let (path, text, inner) = found.ok_or_else(|| {
                let expected = &candidates[0].0;
                refuse(&format!("{} not found; add the file or remove the declaration", expected.display()))
            })?;
            self.add_file(path, &text, Some(module), &inner)?
        };
        self.add_entry(module, &name, Entry::Own(Target::Module(id)));
        Ok(())
    }

    fn add_names(&mut self, module: ModuleId, item: &Item) {
        use Namespace::{Macro, Type, Value};
        match item {
            Item::Const(item) => self.define(module, &item.ident, &[Value]),
            Item::Static(item) => self.define(module, &item.ident, &[Value]),
            Item::Fn(item) => self.define(module, &item.sig.ident, &[Value]),
            Item::Struct(item) => self.define(module, &item.ident, &[Type, Value]),
            Item::Enum(item) => {
                self.define(module, &item.ident, &[Type]);
                let variants = item.variants.iter().map(|variant| variant.ident.unraw().to_string());
                if let Some(definition) = self.definitions.last_mut() {
                    definition.variants = variants.collect();
                }
            }
            Item::Trait(item) => self.define(module, &item.ident, &[Type]),
            Item::TraitAlias(item) => self.define(module, &item.ident, &[Type]),
            Item::Type(item) => self.define(module, &item.ident, &[Type]),
            Item::Union(item) => self.define(module, &item.ident, &[Type]),
            Item::ForeignMod(block) => {
                for item in &block.items {
                    match item {
                        ForeignItem::Fn(item) => self.define(module, &item.sig.ident, &[Value]),
                        ForeignItem::Static(item) => self.define(module, &item.ident, &[Value]),
                        ForeignItem::Type(item) => self.define(module, &item.ident, &[Type]),
                        _ => {}
                    }
                }
            }
            Item::Macro(item) => {
                if let Some(ident) = &item.ident {
                    self.define(module, ident, &[Macro]);
                    if item.attrs.iter().any(|attribute| attribute.path().is_ident("macro_export")) {
                        let exported = Target::Definition(self.definitions.len() - 1);
                        self.add_entry(self.modules[module].root, &ident.to_string(), Entry::Own(exported));
                    }
                }
            }
            Item::ExternCrate(item) if item.ident == "self" => {
                if let Some((_, name)) = &item.rename {
                    let root = Target::Module(self.modules[module].root);
                    self.add_entry(module, &name.unraw().to_string(), Entry::Own(root));
                }
            }
            Item::Use(item) => {
                for leaf in use_tree::leaves(item) {
                    match leaf.binding {
                        Binding::Name(name) => {
                            self.add_entry(module, &name, Entry::Import(leaf.path, Namespace::Any));
                        }
                        Binding::Itself(name) => self.add_entry(module, &name, Entry::Import(leaf.path, Type)),
                        Binding::Glob => self.modules[module].globs.push(leaf.path),
                        Binding::Anonymous => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn define(&mut self, module: ModuleId, ident: &Ident, namespaces: &'static [Namespace]) {
        let name = ident.unraw().to_string();
        let target = Target::Definition(self.definitions.len());
        let file = self.modules[module].file;
        self.definitions.push(Definition { file, name: name.clone(), namespaces, variants: Vec::new() });
        self.add_entry(module, &name, Entry::Own(target));
    }

    fn add_entry(&mut self, module: ModuleId, name: &str, entry: Entry) {
        self.modules[module].names.entry(name.to_owned()).or_default().push(entry);
    }
}

/// Returns the value of `#[path = "..."]`. Returns an error if a `cfg_attr` sets it.
fn path_attribute(attributes: &[Attribute]) -> Result<Option<String>, ()> {
    let mut path = None;
    for attribute in attributes {
        match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("path") => {
                let Expr::Lit(literal) = &pair.value else { return Err(()) };
                let Lit::Str(text) = &literal.lit else { return Err(()) };
                path = Some(text.value());
            }
            Meta::List(list)
                if list.path.is_ident("cfg_attr")
                    && list.tokens.clone().into_iter().any(|token| token.to_string() == "path") =>
            {
                return Err(());
            }
            _ => {}
        }
    }
    Ok(path)
}
