//! `$ORIGIN` and `$INCLUDE` (RFC 1035 5.1), `$TTL` (RFC 2308 4).

use std::path::Path;

use super::Sink;
use super::limits::{MAX_INCLUDE_DEPTH, MAX_INCLUDES};
use super::problem::{other, shown};
use super::reader::{Context, Reader, ttl_field};
use crate::name::{Name, NameBuf};
use crate::scan::{ScanError, Scanner, Token};

impl<S: Sink + ?Sized> Reader<'_, S> {
    /// Follows the directive whose name is `keyword`.
    pub(super) fn directive(
        &mut self,
        keyword: Token<'_>,
        context: &mut Context,
        scanner: &mut Scanner<'_>,
        line: u32,
    ) -> Result<(), ScanError> {
        match keyword.raw.to_ascii_uppercase().as_slice() {
            b"$ORIGIN" => {
                let origin = name_field(scanner.require("the new origin")?, &context.origin)?;
                scanner.require_end()?;
                context.origin = origin;
                Ok(())
            }
            b"$TTL" => {
                let ttl = ttl_field(scanner.require("a TTL")?)?;
                scanner.require_end()?;
                context.default_ttl = Some(ttl);
                Ok(())
            }
            b"$INCLUDE" => self.include(context, scanner),
            b"$GENERATE" => self.generate(context, scanner, line),
            _ => Err(other(format!("unknown directive {}", shown(keyword.raw)), keyword.offset)),
        }
    }

    /// `$INCLUDE file [origin]`.
    fn include(&mut self, context: &mut Context, scanner: &mut Scanner<'_>) -> Result<(), ScanError> {
        let token = scanner.require("a file name")?;
        let mut text = Vec::new();
        token.unescape(&mut text)?;
        let Some(text) = String::from_utf8(text).ok().filter(|text| !text.is_empty()) else {
            return Err(ScanError::expected("a file name", token));
        };
        let origin = match scanner.token()? {
            Some(token) => name_field(token, &context.origin)?,
            None => context.origin.clone(),
        };
        scanner.require_end()?;
        if context.depth == MAX_INCLUDE_DEPTH {
            return Err(other(format!("$INCLUDE deeper than {MAX_INCLUDE_DEPTH} files; is it a cycle?"), token.offset));
        }
        if self.files.len() > MAX_INCLUDES {
            return Err(other(format!("more than {MAX_INCLUDES} $INCLUDEs in one zone"), token.offset));
        }
        let here = self.files[context.file as usize].parent().unwrap_or(Path::new(""));
        let path = here.join(text);
        let src = self
            .includes
            .read(&path)
            .map_err(|e| other(format!("cannot read {}: {e}", path.display()), token.offset))?;
        let file = self.files.len() as u32;
        self.files.push(path);
        let mut inner = Context { file, depth: context.depth + 1, origin, ..context.clone() };
        self.file(&src, &mut inner);
        // RFC 1035 5.1: the origin is this file's own again, and with it the owner. RFC 2308 4: a
        // $TTL is for all records that come after it.
        (context.default_ttl, context.last_ttl) = (inner.default_ttl, inner.last_ttl);
        Ok(())
    }
}

fn name_field(token: Token<'_>, origin: &Name) -> Result<NameBuf, ScanError> {
    if token.quoted {
        return Err(ScanError::expected("a domain name", token));
    }
    NameBuf::from_text(token.raw, origin).map_err(|e| ScanError::new(e.into(), token.offset))
}
