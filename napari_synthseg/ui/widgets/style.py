"""Colors and the style sheet of the panel, taken from napari's current theme."""

from __future__ import annotations

from dataclasses import dataclass

from napari.utils.theme import get_theme

CHECK_ICON = "theme_dark:/check.svg"
"""What boxes in lists are ticked with: the bright one in each theme, as it stands on the accent."""


@dataclass(frozen=True)
class Colors:
    """The theme's colors that the panel paints with, as ``#rrggbb``.

    White text is read on `accent` and `done`; `text`, `muted` and `link` on `background` and
    `foreground`.
    """

    background: str
    foreground: str
    primary: str
    text: str
    muted: str
    accent: str
    link: str
    done: str
    warning: str


def theme_colors(name: str) -> Colors:
    """Return the colors of a napari theme."""
    theme = get_theme(name)
    dark = theme.type == "dark"
    text, background = theme.text.as_hex("long"), theme.background.as_hex("long")
    accent = "#0a74ca" if dark else "#0062b1"
    return Colors(
        background=background,
        foreground=theme.foreground.as_hex("long"),
        primary=theme.primary.as_hex("long"),
        text=text,
        muted=_mix(text, background),
        accent=accent,
        link=_mix(accent, text, 0.6),
        done="#2c8446" if dark else "#1f7a3a",
        warning="#ffb454" if dark else "#9a4b00",
    )


def style_sheet(colors: Colors) -> str:
    """Return the rules that napari's own style sheet lacks: primary button, hint, notice."""
    return f"""
    QPushButton#primary {{
        background: {colors.accent}; color: white; font-weight: bold;
        padding: 8px; border-radius: 4px;
    }}
    QPushButton#primary:hover {{ background: {colors.done}; }}
    QPushButton#primary:disabled {{ background: {colors.foreground}; color: {colors.muted}; }}
    QPushButton#switch {{ border-radius: 0px; padding: 5px; }}
    QPushButton#switch:checked {{
        background: {colors.accent}; color: white; font-weight: bold;
    }}
    QLabel#hint {{ font-weight: bold; }}
    QLabel#quiet {{ color: {colors.muted}; }}
    QLabel#notice {{ color: {colors.warning}; }}
    QLabel#key {{
        background: {colors.foreground}; color: {colors.text}; font-weight: bold;
        padding: 2px 6px; border-radius: 3px;
    }}
    QToolButton {{ padding: 3px; }}
    QPushButton#menu {{ padding-left: 4px; padding-right: 14px; }}
    QPushButton::menu-indicator, QToolButton::menu-indicator {{
        subcontrol-origin: padding; subcontrol-position: center right; right: 2px;
    }}
    QPushButton:focus, QToolButton:focus, QComboBox:focus, QAbstractSpinBox:focus,
    QLineEdit:focus, QAbstractItemView:focus {{ border: 1px solid {colors.accent}; }}
    QPushButton#primary:focus, QPushButton#switch:checked:focus {{
        border: 1px solid {colors.text};
    }}
    QListView::indicator {{
        width: 14px; height: 14px; border-radius: 2px;
        background: {colors.background}; border: 1px solid {colors.muted};
    }}
    QListView::indicator:checked {{
        background: {colors.accent}; image: url("{CHECK_ICON}");
    }}
    QCheckBox:focus, QSlider:focus {{ outline: 1px solid {colors.accent}; }}
    """


def _mix(first: str, second: str, share: float = 0.72) -> str:
    """Return `first` blended with `second`; quiet text that still reads well."""
    pairs = ((int(first[i : i + 2], 16), int(second[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02x}" for a, b in pairs)
