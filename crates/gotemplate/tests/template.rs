//! What the crate promises beyond Go: limits, contexts, refused functions, sharing between threads.

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use gotemplate::{
        Error, Functions, Limits, Object, Parser, Place, Signature, Template, Type, Value,
    };

    fn functions() -> Functions<Vec<String>> {
        let mut functions = Functions::new();
        functions
            .add("log", Signature::new([Type::Any]), |log: &mut Vec<String>, arguments| {
                log.push(arguments[0].to_string());
                Ok(Value::from(""))
            })
            .add("less", Signature::new([Type::INT]), |_, arguments| {
                Ok(Value::int(arguments[0].as_i64().unwrap() - 1))
            })
            .add("cancel", Signature::new([]), |_, _| Err(Error::stop("cancelled")))
            .add_scoped("include", Signature::new([Type::String]), |scope, arguments| {
                scope.render(arguments[0].as_str().unwrap(), &Value::Nil).map(Value::from)
            })
            .refuse("secret", "secret needs Vault, which is not built in");
        functions
    }

    fn render(text: &str) -> Result<String, Error> {
        let template = Template::parse("t", text, functions())?;
        template.render(&mut Vec::new(), &Value::Nil)
    }

    #[test]
    fn functions_share_a_context() {
        let template = Template::parse("t", "{{log 1}}{{log `a`}}", functions()).unwrap();
        let mut log = Vec::new();
        template.render(&mut log, &Value::Nil).unwrap();
        template.render(&mut log, &Value::Nil).unwrap();
        assert_eq!(log, ["1", "a", "1", "a"]);
    }

    #[test]
    fn refuses_functions_while_parsing() {
        let error = render("{{if false}}\n{{secret `x`}}{{end}}").unwrap_err();
        let text = "template: t:2: secret needs Vault, which is not built in";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn templates_can_come_from_elsewhere() {
        let parser = Parser::new(functions());
        let text = "{{define `a`}}{{template `b`}}{{end}}{{template `a`}}\
                    {{range 2}}{{if .}}{{else}}{{template `c` .}}{{end}}{{end}}";
        let mut template = parser.parse("t", text).unwrap();
        assert_eq!(template.undefined().into_iter().collect::<Vec<_>>(), ["b", "c"]);
        for name in ["b", "c"] {
            parser.parse_into(&mut template, name, "<{{.}}>").unwrap();
        }
        assert!(template.undefined().is_empty());
        let text = template.render(&mut Vec::new(), &Value::Nil).unwrap();
        assert_eq!(text, "<<no value>><0>");
    }

    #[test]
    fn says_where_it_failed() {
        let error = render("a\n{{define `d`}}\n  {{less `x`}}{{end}}{{template `d`}}").unwrap_err();
        let Some(Place::Execute { name, line, column, template, context }) = error.place() else {
            panic!("{error:?}");
        };
        let place = (name.as_str(), *line, *column, template.as_str(), context.as_str());
        assert_eq!(place, ("t", 3, 9, "d", "`x`"));
        assert_eq!(error.message(), "expected integer; found `x`");
    }

    #[test]
    fn a_stop_keeps_its_words() {
        let error = render("{{print (cancel)}}").unwrap_err();
        assert!(error.is_stop());
        assert_eq!(error.to_string(), "cancelled");
    }

    #[test]
    fn is_shared_between_threads() {
        let text = "{{define `d`}}<{{.}}>{{end}}{{range .}}{{template `d` .}}{{end}}";
        let template = Arc::new(Template::parse("t", text, functions()).unwrap());
        let data = Value::strings(["a", "b"]);
        let render = || {
            let (template, data) = (Arc::clone(&template), data.clone());
            thread::spawn(move || template.render(&mut Vec::new(), &data).unwrap())
        };
        let threads: Vec<_> = (0..8).map(|_| render()).collect();
        assert!(threads.into_iter().all(|thread| thread.join().unwrap() == "<a><b>"));
    }

    /// Tests run on threads with the usual stack of 2 MiB, and these go as deep as the limits allow.
    #[test]
    fn the_default_depth_fits_the_stack() {
        let recursions = [
            "{{define `r`}}{{template `r`}}{{end}}{{template `r`}}",
            "{{define `r`}}{{if true}}{{template `r`}}{{end}}{{end}}{{template `r`}}",
            "{{define `r`}}{{range 1}}{{with 1}}{{template `r` (((1)))}}{{end}}{{end}}{{end}}{{template `r`}}",
            "{{define `r`}}{{include `r`}}{{end}}{{template `r`}}",
            "{{define `r`}}{{print (print (include `r`))}}{{end}}{{template `r`}}",
        ];
        for text in recursions {
            let error = render(text).unwrap_err().to_string();
            assert!(error.contains("exceeded maximum template depth (500)"), "{error:.300}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_before_it_overflows() {
        let nested = [
            ("{{print ", "(", "1", ")", "}}"),
            ("", "{{if true}}", "x", "{{end}}", ""),
            ("", "{{range 1}}", "x", "{{else}}y{{end}}", ""),
            ("", "{{block `b` 1}}", "", "{{end}}", ""),
            ("{{if false}}", "{{else if false}}", "", "", "{{end}}"),
            ("{{if ", "(print ", "1", ")", "}}{{end}}"),
        ];
        for (start, open, middle, close, end) in nested {
            let text = |n| format!("{start}{}{middle}{}{end}", open.repeat(n), close.repeat(n));
            // The nested blocks define one template, which executes itself.
            assert!(render(&text(90)).is_ok() || open.contains("block"), "{open}");
            let error = render(&text(20_000)).unwrap_err();
            assert_eq!(error.message(), "max expression depth exceeded");
        }
    }

    #[test]
    fn the_output_is_bounded() {
        let limits = Limits { output: 1000, ..Limits::default() };
        let parser = Parser::new(functions()).limits(limits);
        let template = parser.parse("t", "{{range 1000000}}0123456789{{end}}").unwrap();
        let error = template.render(&mut Vec::new(), &Value::Nil).unwrap_err();
        assert_eq!(error.message(), "exceeded maximum output size (1000 bytes)");
    }

    #[test]
    fn texts_join_one_set() {
        let parser = Parser::new(functions());
        let mut template = parser.parse("a", "{{template `x`}}{{define `x`}}1{{end}}").unwrap();
        parser.parse_into(&mut template, "b", "{{define `x`}}2{{end}}").unwrap();
        assert_eq!(template.render(&mut Vec::new(), &Value::Nil).unwrap(), "2");
        assert_eq!(template.names().collect::<Vec<_>>(), ["a", "b", "x"]);
        let error = template.render_named("y", &mut Vec::new(), &Value::Nil).unwrap_err();
        let text = "template: no template \"y\" associated with template \"a\"";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn objects_come_back_as_what_they_are() {
        struct Port(u16);

        impl Object for Port {
            fn type_name(&self) -> &'static str {
                "main.Port"
            }
        }

        let Value::Object(object) = Value::object(Port(80)) else { panic!() };
        let any: &dyn std::any::Any = &*object;
        assert_eq!(any.downcast_ref::<Port>().map(|port| port.0), Some(80));
    }
}
