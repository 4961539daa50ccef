//! Finds which file imports which: reads the code of all modules and resolves each path in it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use proc_macro2::TokenStream;
use syn::ext::IdentExt as _;
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, Item, ItemUse, Meta, Stmt, Token};

use crate::conditions;
use crate::fault::Fault;
use crate::package::{Entry, FileId, ModuleId, Namespace, Package, Target};
use crate::tokens;
use crate::use_tree::{self, Binding, NamePath};

/// The reason why one file imports another.
#[derive(Debug)]
pub(crate) struct Reason {
    /// The first line that names an item of the other file.
    pub(crate) line: usize,
    /// All items of the other file that are named.
    pub(crate) names: BTreeSet<String>,
}

/// The imports between files: from, to, and why.
pub(crate) type Imports = BTreeMap<(FileId, FileId), Reason>;

/// Reads the code of all modules.
pub(crate) fn read(package: &mut Package<'_>) -> Result<Imports, Fault> {
    let mut reader =
        Reader { package, module: 0, generics: Vec::new(), locals: Vec::new(), imports: Imports::new(), fault: None };
    let mut module = 0;
    // Blocks of statements add modules while the loop runs.
    while module < reader.package.modules.len() {
        if !reader.package.modules[module].is_block {
            reader.module = module;
            for item in std::mem::take(&mut reader.package.modules[module].items) {
                reader.visit_item(&item);
            }
        }
        module += 1;
    }
    match reader.fault {
        Some(fault) => Err(fault),
        None => Ok(reader.imports),
    }
}

struct Reader<'p, 's> {
    package: &'p mut Package<'s>,
    /// The module or block that is being read.
    module: ModuleId,
    /// The type parameters of the items around.
    generics: Vec<HashSet<String>>,
    /// The local variables of the functions around.
    locals: Vec<HashSet<String>>,
    imports: Imports,
    fault: Option<Fault>,
}

impl Reader<'_, '_> {
    fn import(&mut self, path: &NamePath, namespace: Namespace, line: usize) {
        for target in self.package.resolve(self.module, path, namespace) {
            // A path to a module does not yet name any of its items.
            if let Target::Definition(id) = target {
                let definition = &self.package.definitions[id];
                let (file, name) = (definition.file, definition.name.clone());
                self.add(file, name, line);
            }
        }
    }

    fn add(&mut self, to: FileId, name: String, line: usize) {
        let from = self.package.modules[self.module].file;
        if from != to {
            let reason = self.imports.entry((from, to)).or_insert_with(|| Reason { line, names: BTreeSet::new() });
            reason.line = reason.line.min(line);
            reason.names.insert(name);
        }
    }

    fn import_path(&mut self, path: &syn::Path, namespace: Namespace) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.unraw().to_string()).collect();
        let is_global = path.leading_colon.is_some();
        if !is_global && self.generics.iter().any(|names| names.contains(&segments[0])) {
            return;
        }
        let line = path.segments[0].ident.span().start().line;
        self.import(&NamePath { is_global, segments }, namespace, line);
    }

    fn import_use(&mut self, declaration: &ItemUse) {
        if use_tree::is_reexport(declaration) {
            return;
        }
        for leaf in use_tree::leaves(declaration) {
            match leaf.binding {
                Binding::Glob => self.import_glob(&leaf.path, leaf.line),
                Binding::Itself(_) => self.import(&leaf.path, Namespace::Type, leaf.line),
                Binding::Name(_) | Binding::Anonymous => self.import(&leaf.path, Namespace::Any, leaf.line),
            }
        }
    }

    fn import_glob(&mut self, path: &NamePath, line: usize) {
        self.import(path, Namespace::Type, line);
        for target in self.package.resolve(self.module, path, Namespace::Type) {
            if let Target::Module(id) = target {
                let module = &self.package.modules[id];
                let defines = |entry: &Entry| matches!(entry, Entry::Own(Target::Definition(_)));
                if module.names.values().flatten().any(defines) {
                    self.add(module.file, format!("{}::*", path.segments.join("::")), line);
                }
            }
        }
    }

    fn import_tokens(&mut self, tokens: TokenStream, reads_texts: bool) {
        for mention in tokens::mentions(tokens, reads_texts) {
            self.import(&mention.path, Namespace::Any, mention.line);
        }
    }

    fn is_local(&self, path: &syn::Path) -> bool {
        path.get_ident().is_some_and(|ident| {
            let name = ident.unraw().to_string();
            self.locals.iter().any(|locals| locals.contains(&name))
        })
    }

    /// Reads a function, in which the names of local variables are not those of items.
    fn in_function(&mut self, locals: Locals, read: impl FnOnce(&mut Self)) {
        self.locals.push(locals.names);
        read(self);
        self.locals.pop();
    }
}

impl<'ast> Visit<'ast> for Reader<'_, '_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if conditions::is_test_only(conditions::item_attributes(item)) {
            return;
        }
        match item {
            // Each module is read by itself.
            Item::Mod(_) => {}
            Item::Use(declaration) => self.import_use(declaration),
            Item::Macro(definition) if definition.ident.is_some() => {
                self.import_tokens(definition.mac.tokens.clone(), false);
            }
            Item::Verbatim(tokens) => self.import_tokens(tokens.clone(), false),
            _ => {
                let mut generics = Generics::default();
                generics.visit_item(item);
                self.generics.push(generics.names);
                visit::visit_item(self, item);
                self.generics.pop();
            }
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        let mut locals = Locals::default();
        locals.visit_item_fn(function);
        self.in_function(locals, |reader| visit::visit_item_fn(reader, function));
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        let mut locals = Locals::default();
        locals.visit_impl_item_fn(function);
        self.in_function(locals, |reader| visit::visit_impl_item_fn(reader, function));
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        let mut locals = Locals::default();
        locals.visit_trait_item_fn(function);
        self.in_function(locals, |reader| visit::visit_trait_item_fn(reader, function));
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        if !conditions::is_test_only(conditions::impl_item_attributes(item)) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast syn::TraitItem) {
        if !conditions::is_test_only(conditions::trait_item_attributes(item)) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !conditions::is_test_only(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_field_value(&mut self, field: &'ast syn::FieldValue) {
        if !conditions::is_test_only(&field.attrs) {
            visit::visit_field_value(self, field);
        }
    }

    fn visit_field_pat(&mut self, field: &'ast syn::FieldPat) {
        if !conditions::is_test_only(&field.attrs) {
            visit::visit_field_pat(self, field);
        }
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        if !conditions::is_test_only(&variant.attrs) {
            visit::visit_variant(self, variant);
        }
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        if !conditions::is_test_only(&arm.attrs) {
            visit::visit_arm(self, arm);
        }
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        if !conditions::is_test_only(conditions::statement_attributes(statement)) {
            visit::visit_stmt(self, statement);
        }
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        let items: Vec<Item> = block
            .stmts
            .iter()
            .filter_map(|statement| match statement {
                Stmt::Item(item) => Some(item.clone()),
                _ => None,
            })
            .collect();
        if items.is_empty() {
            return visit::visit_block(self, block);
        }
        let around = self.module;
        match self.package.add_block(around, items) {
            Ok(inner) => {
                self.module = inner;
                visit::visit_block(self, block);
                self.module = around;
            }
            Err(fault) => self.fault = Some(fault),
        }
    }

    /// `pub(in path)` names no item.
    fn visit_visibility(&mut self, _visibility: &'ast syn::Visibility) {}

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let Meta::List(list) = &attribute.meta else { return };
        if list.path.is_ident("cfg") || list.path.is_ident("doc") {
            return;
        }
        if list.path.is_ident("cfg_attr") {
            let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
            let condition = parts.ok().and_then(|parts| parts.first().and_then(conditions::value));
            if condition == Some(false) {
                return;
            }
        }
        self.import_tokens(list.tokens.clone(), true);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.import_path(path, Namespace::Any);
        visit::visit_path(self, path);
    }

    fn visit_type_path(&mut self, path: &'ast syn::TypePath) {
        if let Some(qualified) = &path.qself {
            self.visit_qself(qualified);
            // `<Type>::Name` names only the type.
            if qualified.position == 0 {
                return visit::visit_path(self, &path.path);
            }
        }
        self.visit_path(&path.path);
    }

    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        if let Some(qualified) = &path.qself {
            self.visit_qself(qualified);
            if qualified.position == 0 {
                return visit::visit_path(self, &path.path);
            }
        }
        if !self.is_local(&path.path) {
            let namespace = if path.qself.is_some() { Namespace::Any } else { Namespace::Value };
            self.import_path(&path.path, namespace);
        }
        visit::visit_path(self, &path.path);
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        // The call in `let advice = advice(rows)` names the function, not the variable.
        if let Expr::Path(function) = &*call.func
            && function.qself.is_none()
        {
            self.import_path(&function.path, Namespace::Value);
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
        // A constant or a variant without fields; variables start with a lowercase letter.
        if starts_uppercase(&pattern.ident) {
            let path = NamePath { is_global: false, segments: vec![pattern.ident.unraw().to_string()] };
            self.import(&path, Namespace::Any, pattern.ident.span().start().line);
        }
        visit::visit_pat_ident(self, pattern);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.import_path(&call.path, Namespace::Macro);
        let expressions = Punctuated::<Expr, Token![,]>::parse_terminated;
        match expressions.parse2(call.tokens.clone()) {
            Ok(expressions) => expressions.iter().for_each(|expression| self.visit_expr(expression)),
            Err(_) => self.import_tokens(call.tokens.clone(), false),
        }
    }
}

/// The type parameters of an item.
#[derive(Default)]
struct Generics {
    names: HashSet<String>,
}

impl<'ast> Visit<'ast> for Generics {
    fn visit_type_param(&mut self, parameter: &'ast syn::TypeParam) {
        self.names.insert(parameter.ident.unraw().to_string());
    }
}

/// The local variables of a function.
#[derive(Default)]
struct Locals {
    names: HashSet<String>,
}

impl<'ast> Visit<'ast> for Locals {
    fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
        if !starts_uppercase(&pattern.ident) {
            self.names.insert(pattern.ident.unraw().to_string());
        }
        visit::visit_pat_ident(self, pattern);
    }
}

fn starts_uppercase(ident: &syn::Ident) -> bool {
    ident.unraw().to_string().starts_with(char::is_uppercase)
}
