package hls

import "strings"

// Attr is one AttributeName=AttributeValue of a tag.
type Attr struct {
	Name   string
	Value  string // without its quotes
	Quoted bool
}

// Attrs is an attribute list in its written order.
type Attrs []Attr

// Get is the value of the first attribute of that name, without quotes.
func (a Attrs) Get(name string) (string, bool) {
	for i := range a {
		if a[i].Name == name {
			return a[i].Value, true
		}
	}
	return "", false
}

// Value is like Get, with "" for an attribute that is not there.
func (a Attrs) Value(name string) string {
	v, _ := a.Get(name)
	return v
}

// Yes reports whether the attribute is there with the value YES.
func (a Attrs) Yes(name string) bool { return a.Value(name) == "YES" }

// attributes reads the attribute list of a tag. Attributes that break the grammar are reported and left out.
func (r *reader) attributes(l Line, spec tagSpec) Attrs {
	var out Attrs
	for rest := l.Value; rest != ""; {
		if len(out) == maxAttributes {
			r.problem(l.Number, TooLarge, l.Tag, "more than %d attributes", maxAttributes)
			break
		}
		a, after, ok := cutAttr(rest)
		if !ok {
			r.problem(l.Number, BadSyntax, l.Tag, "bad attribute list at %.40q", rest)
			break
		}
		if rest = after; r.attribute(l, spec, a, out) {
			out = append(out, a)
		}
	}
	for _, name := range spec.required {
		if _, ok := out.Get(name); !ok {
			r.problem(l.Number, MissingAttribute, l.Tag, "no valid %s", name)
		}
	}
	return out
}

func (r *reader) attribute(l Line, spec tagSpec, a Attr, before Attrs) bool {
	if _, twice := before.Get(a.Name); twice {
		r.problem(l.Number, BadSyntax, l.Tag, "%s appears twice", a.Name)
		return false
	}
	if !valid(a, spec.attrs[a.Name]) {
		r.problem(l.Number, BadSyntax, l.Tag, "%s=%.60q is not of its form", a.Name, a.Value)
		return false
	}
	return true
}

// cutAttr takes one attribute off the front of a list, and the comma behind it.
func cutAttr(s string) (a Attr, rest string, ok bool) {
	name, rest, found := strings.Cut(s, "=")
	if !found || name == "" || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" {
		return a, s, false
	}
	a.Name = name
	if a.Quoted = strings.HasPrefix(rest, `"`); a.Quoted {
		if a.Value, rest, found = strings.Cut(rest[1:], `"`); !found {
			return a, s, false
		}
	} else {
		end := strings.IndexByte(rest, ',')
		if end < 0 {
			end = len(rest)
		}
		a.Value, rest = rest[:end], rest[end:]
		if a.Value == "" || strings.ContainsAny(a.Value, "\" \t") {
			return a, s, false
		}
	}
	if rest == "" {
		return a, "", true
	}
	rest, found = strings.CutPrefix(rest, ",")
	return a, rest, found && rest != "" // no comma at the end of a list
}

// valid reports whether an attribute has the form its tag's specification asks for.
func valid(a Attr, t attrType) bool {
	switch t {
	case quoted, byteRange, dateTime:
		if !a.Quoted {
			return false
		}
	case anyValue, quotedOrNone:
	default:
		if a.Quoted {
			return false
		}
	}
	switch t {
	case integer:
		_, ok := parseInt(a.Value)
		return ok
	case float:
		_, ok := parseSeconds(a.Value)
		return ok
	case signedFloat:
		_, ok := parseSeconds(strings.TrimPrefix(a.Value, "-"))
		return ok
	case byteRange:
		_, ok := parseByteRange(a.Value)
		return ok
	case dateTime:
		_, ok := parseDateTime(a.Value)
		return ok
	case yes:
		return a.Value == "YES"
	case yesOrNo:
		return a.Value == "YES" || a.Value == "NO"
	case hexadecimal:
		return isHex(a.Value)
	case resolution:
		_, _, ok := parseResolution(a.Value)
		return ok
	case quotedOrNone:
		return a.Quoted || a.Value == "NONE"
	}
	return true
}
