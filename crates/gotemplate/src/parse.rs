//! Tokens to trees: one method for each rule of the grammar.

mod operand;

#[cfg(test)]
mod tests;

use std::{collections::HashMap, mem, sync::Arc};

use crate::{
    error::{Error, Place},
    funcs::Lookup,
    lex::{self, Keyword, Kind, Lexer, Token},
    node::{Branch, Invocation, List, Pipeline, Pos, Statement, Tree, Variable},
    quote,
};

/// How deep parentheses and controls may be nested. Go allows 10,000 parentheses, for its stacks grow; this takes up
/// to 1 MiB in debug builds.
const MAX_NESTING: usize = 100;

/// What a parser needs besides the text.
pub(crate) struct Settings<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
    pub(crate) left: &'a str,
    pub(crate) right: &'a str,
    /// Finds functions by name.
    pub(crate) lookup: &'a dyn Fn(&str) -> Lookup,
}

/// All templates of a text; the whole text comes last.
pub(crate) fn parse(settings: &Settings<'_>) -> Result<Vec<Tree>, Error> {
    let known = |name: &str| matches!((settings.lookup)(name), Lookup::Found(_));
    let options = lex::Options {
        left: settings.left,
        right: settings.right,
        break_keyword: !known("break"),
        continue_keyword: !known("continue"),
    };
    let mut parser = Parser {
        settings,
        text: settings.text.into(),
        text_name: settings.name.into(),
        lexer: Lexer::new(settings.text, options),
        frame: Frame::new(),
        names: HashMap::from([("$".into(), 0)]),
        trees: Vec::new(),
        depth: 0,
    };
    let root = parser.text()?;
    parser.add(settings.name.into(), root)?;
    Ok(parser.trees)
}

type Parsed<T> = Result<T, Error>;

/// What belongs to one template of the text.
struct Frame<'a> {
    /// The last token, and before it those that were put back.
    tokens: [Token<'a>; 3],
    /// How many of them are to be read again.
    put_back: usize,
    /// Variables in scope.
    variables: Vec<usize>,
    /// Line of the action that is being parsed.
    action_line: Option<usize>,
    ranges: usize,
}

impl Frame<'_> {
    fn new() -> Self {
        Self {
            tokens: [Token::none(), Token::none(), Token::none()],
            put_back: 0,
            variables: vec![0],
            action_line: None,
            ranges: 0,
        }
    }
}

struct Parser<'a> {
    settings: &'a Settings<'a>,
    text: Arc<str>,
    text_name: Arc<str>,
    lexer: Lexer<'a>,
    frame: Frame<'a>,
    /// Numbers of variable names.
    names: HashMap<Arc<str>, usize>,
    trees: Vec<Tree>,
    depth: usize,
}

/// A statement, or what ends a list of them.
enum Item {
    Statement(Statement),
    End,
    Else,
}

impl Item {
    fn describe(&self) -> String {
        match self {
            Self::Statement(statement) => statement.to_string(),
            Self::End => "{{end}}".to_owned(),
            Self::Else => "{{else}}".to_owned(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Control {
    If,
    With,
    Range,
}

impl Control {
    const fn word(self) -> &'static str {
        match self {
            Self::If => "if",
            Self::With => "with",
            Self::Range => "range",
        }
    }
}

/// Reading tokens, with up to three of them put back.
impl<'a> Parser<'a> {
    fn next(&mut self) -> Token<'a> {
        if self.frame.put_back > 0 {
            self.frame.put_back -= 1;
        } else if let Some(slot) = self.frame.tokens.first_mut() {
            *slot = self.lexer.next_token();
        }
        self.frame.tokens.get(self.frame.put_back).cloned().unwrap_or_else(Token::none)
    }

    fn back(&mut self) {
        self.frame.put_back += 1;
    }

    /// Puts back the token before the last one; the last one was put back already.
    fn back_two(&mut self, before: Token<'a>) {
        if let Some(slot) = self.frame.tokens.get_mut(1) {
            *slot = before;
        }
        self.frame.put_back = 2;
    }

    fn back_three(&mut self, before: Token<'a>, between: Token<'a>) {
        let [_, second, third] = &mut self.frame.tokens;
        *second = between;
        *third = before;
        self.frame.put_back = 3;
    }

    fn peek(&mut self) -> Token<'a> {
        let token = self.next();
        self.back();
        token
    }

    fn next_non_space(&mut self) -> Token<'a> {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    fn peek_non_space(&mut self) -> Token<'a> {
        let token = self.next_non_space();
        self.back();
        token
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Parsed<Token<'a>> {
        let token = self.next_non_space();
        if token.kind == kind { Ok(token) } else { Err(self.unexpected(&token, context)) }
    }

    /// An error at the last token that was read.
    fn error(&self, message: impl Into<String>) -> Error {
        let line = self.frame.tokens.first().map_or(0, |token| token.line);
        Error::placed(Place::Parse { name: self.settings.name.to_owned(), line }, message)
    }

    fn unexpected(&self, token: &Token<'_>, context: &str) -> Error {
        let described = token.describe();
        if token.kind != Kind::Error {
            return self.error(format!("unexpected {described} in {context}"));
        }
        let extra = match self.frame.action_line {
            Some(line) if line != token.line => {
                // "unclosed action in action started" would stutter.
                let what = if described.ends_with(" action") { "" } else { " in action" };
                format!("{what} started at {}:{line}", self.settings.name)
            }
            _ => String::new(),
        };
        self.error(format!("{described}{extra}"))
    }

    /// Counts a level of nesting.
    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_NESTING {
            return Err(self.error("max expression depth exceeded"));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }
}

/// Statements.
impl Parser<'_> {
    /// The whole text: statements and definitions.
    fn text(&mut self) -> Parsed<List> {
        let mut list = List::default();
        loop {
            let token = self.peek();
            match token.kind {
                Kind::Eof => return Ok(list),
                Kind::LeftDelim => {
                    let delim = self.next();
                    if self.next_non_space().kind == Kind::Keyword(Keyword::Define) {
                        self.inner(Self::definition)?;
                        continue;
                    }
                    self.back_two(delim);
                }
                _ => {}
            }
            match self.text_or_action()? {
                Item::Statement(statement) => push(&mut list, statement),
                item => return Err(self.error(format!("unexpected {}", item.describe()))),
            }
        }
    }

    /// Parses another template of the same text, which has its own variables.
    fn inner<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let outer = mem::replace(&mut self.frame, Frame::new());
        let parsed = self.deeper(parse)?;
        self.frame = outer;
        Ok(parsed)
    }

    fn definition(&mut self) -> Parsed<()> {
        const CONTEXT: &str = "define clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        self.expect(Kind::RightDelim, CONTEXT)?;
        let list = self.list_to_end(CONTEXT)?;
        self.add(name, list)
    }

    fn list_to_end(&mut self, context: &str) -> Parsed<List> {
        match self.list()? {
            (list, Item::End) => Ok(list),
            (_, item) => Err(self.error(format!("unexpected {} in {context}", item.describe()))),
        }
    }

    /// An empty definition gives way to another one; two others of the same name are an error.
    fn add(&mut self, name: Arc<str>, root: List) -> Parsed<()> {
        let (text_name, text) = (Arc::clone(&self.text_name), Arc::clone(&self.text));
        let tree = Tree { name, text_name, text, root };
        match self.trees.iter().position(|other| other.name == tree.name) {
            None => self.trees.push(tree),
            Some(index) => {
                if let Some(slot) = self.trees.get_mut(index).filter(|other| other.is_empty()) {
                    *slot = tree;
                } else if !tree.is_empty() {
                    let name = quote::quote(&tree.name);
                    return Err(
                        self.error(format!("template: multiple definition of template {name}"))
                    );
                }
            }
        }
        Ok(())
    }

    fn list(&mut self) -> Parsed<(List, Item)> {
        let mut list = List::default();
        while self.peek_non_space().kind != Kind::Eof {
            match self.text_or_action()? {
                Item::Statement(statement) => push(&mut list, statement),
                item => return Ok((list, item)),
            }
        }
        Err(self.error("unexpected EOF"))
    }

    fn text_or_action(&mut self) -> Parsed<Item> {
        let token = self.next_non_space();
        match token.kind {
            Kind::Text => Ok(Item::Statement(Statement::Text(token.text.into_owned()))),
            Kind::LeftDelim => {
                self.frame.action_line = Some(token.line);
                let item = self.action()?;
                self.frame.action_line = None;
                Ok(item)
            }
            _ => Err(self.unexpected(&token, "input")),
        }
    }

    fn action(&mut self) -> Parsed<Item> {
        let token = self.next_non_space();
        let Kind::Keyword(keyword) = token.kind else {
            self.back();
            let pipeline = self.pipeline("command", Kind::RightDelim)?;
            return Ok(Item::Statement(Statement::Action(pipeline)));
        };
        let statement = match keyword {
            Keyword::Else => return self.else_control(),
            Keyword::End => {
                self.expect(Kind::RightDelim, "end")?;
                return Ok(Item::End);
            }
            Keyword::Block => Statement::Template(self.block()?),
            Keyword::Break => self.jump("{{break}}", Statement::Break)?,
            Keyword::Continue => self.jump("{{continue}}", Statement::Continue)?,
            Keyword::If => self.control(Control::If)?,
            Keyword::With => self.control(Control::With)?,
            Keyword::Range => self.control(Control::Range)?,
            Keyword::Template => Statement::Template(self.invocation()?),
            Keyword::Define | Keyword::Dot | Keyword::Nil => {
                self.back();
                Statement::Action(self.pipeline("command", Kind::RightDelim)?)
            }
        };
        Ok(Item::Statement(statement))
    }

    fn jump(&mut self, name: &str, statement: Statement) -> Parsed<Statement> {
        let token = self.next_non_space();
        if token.kind != Kind::RightDelim {
            return Err(self.unexpected(&token, name));
        }
        if self.frame.ranges == 0 {
            return Err(self.error(format!("{name} outside {{{{range}}}}")));
        }
        Ok(statement)
    }

    /// Of `{{else if`, the `if` is left to the control that the `else` belongs to.
    fn else_control(&mut self) -> Parsed<Item> {
        let next = self.peek_non_space();
        if !matches!(next.kind, Kind::Keyword(Keyword::If | Keyword::With)) {
            self.expect(Kind::RightDelim, "else")?;
        }
        Ok(Item::Else)
    }

    fn control(&mut self, control: Control) -> Parsed<Statement> {
        let scope = self.frame.variables.len();
        let branch = self.deeper(|parser| parser.branch(control))?;
        self.frame.variables.truncate(scope);
        Ok(match control {
            Control::If => Statement::If(branch),
            Control::With => Statement::With(branch),
            Control::Range => Statement::Range(branch),
        })
    }

    fn branch(&mut self, control: Control) -> Parsed<Branch> {
        let pipeline = self.pipeline(control.word(), Kind::RightDelim)?;
        let in_range = usize::from(control == Control::Range);
        self.frame.ranges += in_range;
        let (list, next) = self.list()?;
        self.frame.ranges -= in_range;
        let otherwise = match next {
            Item::Else => Some(self.otherwise(control)?),
            _ => None,
        };
        Ok(Branch { pipeline, list, otherwise })
    }

    fn otherwise(&mut self, control: Control) -> Parsed<List> {
        let chained = matches!(
            (control, self.peek().kind),
            (Control::If, Kind::Keyword(Keyword::If))
                | (Control::With, Kind::Keyword(Keyword::With))
        );
        if chained {
            self.next();
            return Ok(List(vec![self.control(control)?]));
        }
        match self.list()? {
            (list, Item::End) => Ok(list),
            (_, item) => Err(self.error(format!("expected end; found {}", item.describe()))),
        }
    }

    /// A definition that is invoked where it stands.
    fn block(&mut self) -> Parsed<Invocation> {
        const CONTEXT: &str = "block clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        let pipeline = self.pipeline(CONTEXT, Kind::RightDelim)?;
        let defined = Arc::clone(&name);
        self.inner(|parser| {
            let list = parser.list_to_end(CONTEXT)?;
            parser.add(defined, list)
        })?;
        Ok(Invocation { pos: Pos(token.pos), name, pipeline: Some(pipeline) })
    }

    fn invocation(&mut self) -> Parsed<Invocation> {
        const CONTEXT: &str = "template clause";
        let token = self.next_non_space();
        let name = self.template_name(&token, CONTEXT)?;
        let mut pipeline = None;
        if self.next_non_space().kind != Kind::RightDelim {
            self.back();
            pipeline = Some(self.pipeline(CONTEXT, Kind::RightDelim)?);
        }
        Ok(Invocation { pos: Pos(token.pos), name, pipeline })
    }

    fn template_name(&mut self, token: &Token<'_>, context: &str) -> Parsed<Arc<str>> {
        if !matches!(token.kind, Kind::String | Kind::RawString) {
            return Err(self.unexpected(token, context));
        }
        let name = quote::unquote(&token.text).ok_or_else(|| self.error("invalid syntax"))?;
        Ok(name.into())
    }
}

/// Appends a statement; text after text, as around comments and definitions, becomes one.
fn push(list: &mut List, statement: Statement) {
    match (list.0.last_mut(), statement) {
        (Some(Statement::Text(text)), Statement::Text(more)) => text.push_str(&more),
        (_, statement) => list.0.push(statement),
    }
}
