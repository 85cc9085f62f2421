"""Short texts in German, French and Spanish, written for the language rule."""

from __future__ import annotations

from massivetext.samples.draw import Draw

SENTENCES: dict[str, tuple[str, ...]] = {
    "de": (
        "Der alte Hafen liegt am Ende der Straße, und jeden Morgen kommen die Fischer mit Booten zurück.",
        "Meine Großmutter hat den Garten hinter dem Haus angelegt, als der Bahnhof noch nicht gebaut war.",
        "Im Winter friert der Fluss manchmal zu, aber die Brücke bleibt für alle Fuhrwerke geöffnet.",
        "Wir haben gestern lange über den Preis der Äpfel gesprochen, ohne uns einig zu werden.",
        "Niemand wusste, warum die Uhr am Rathaus seit drei Wochen eine halbe Stunde nachging.",
        "Die Bäckerin öffnet ihren Laden um fünf, damit die Arbeiter vor der Schicht frisches Brot bekommen.",
        "Über den Bergen zogen dunkle Wolken auf, und der Wirt stellte die Stühle unter das Dach.",
        "Das Museum zeigt in diesem Jahr Werkzeuge, die früher von den Schmieden im Tal benutzt wurden.",
        "Er schrieb einen Brief an seinen Bruder, der seit vielen Jahren in einer anderen Stadt lebte.",
        "Wenn der Zug pünktlich ist, erreichen wir den See noch vor dem Abendessen.",
        "Auf dem Markt werden Käse, Honig und Kräuter verkauft, die aus den Dörfern der Umgebung stammen.",
        "Die Kinder sammelten am Strand Muscheln, während ihre Eltern das Segel flickten.",
    ),
    "fr": (
        "Le vieux port est au bout de la rue, et chaque matin les pêcheurs reviennent avec leurs bateaux.",
        "Ma grand-mère a planté le jardin derrière la maison avant que la gare ne soit construite.",
        "En hiver, la rivière gèle parfois, mais le pont reste ouvert à toutes les voitures.",
        "Nous avons longtemps parlé hier du prix des pommes sans parvenir à nous mettre d'accord.",
        "Personne ne savait pourquoi l'horloge de la mairie retardait depuis trois semaines.",
        "La boulangère ouvre sa boutique à cinq heures pour que les ouvriers aient du pain frais.",
        "Des nuages montaient au-dessus des montagnes, et l'aubergiste rentra les chaises sous le toit.",
        "Le musée expose cette année des outils que les forgerons de la vallée utilisaient autrefois.",
        "Il écrivit une lettre à son frère, qui vivait depuis de nombreuses années dans une autre ville.",
        "Si le train est à l'heure, nous arriverons au lac avant le dîner.",
        "Au marché, on vend du fromage, du miel et des herbes qui viennent des villages voisins.",
        "Les enfants ramassaient des coquillages sur la plage pendant que leurs parents réparaient la voile.",
    ),
    "es": (
        "El viejo puerto está al final de la calle, y cada mañana los pescadores vuelven con sus barcas.",
        "Mi abuela plantó el jardín detrás de la casa antes de que se construyera la estación.",
        "En invierno el río se hiela a veces, pero el puente sigue abierto para todos los carros.",
        "Ayer hablamos mucho tiempo del precio de las manzanas sin llegar a ponernos de acuerdo.",
        "Nadie sabía por qué el reloj del ayuntamiento llevaba tres semanas atrasado media hora.",
        "La panadera abre su tienda a las cinco para que los obreros tengan pan recién hecho.",
        "Sobre las montañas subían nubes oscuras, y el posadero guardó las sillas debajo del tejado.",
        "El museo muestra este año las herramientas que usaban antes los herreros del valle.",
        "Escribió una carta a su hermano, que vivía desde hacía muchos años en otra ciudad.",
        "Si el tren llega puntual, estaremos en el lago antes de la cena.",
        "En el mercado se venden queso, miel y hierbas que vienen de los pueblos cercanos.",
        "Los niños recogían conchas en la playa mientras sus padres remendaban la vela.",
    ),
}


def paragraphs(draw: Draw, language: str) -> tuple[str, ...]:
    """Three paragraphs of nine sentences in all."""
    chosen = draw.sample(SENTENCES[language], 9)
    return tuple(" ".join(chosen[start : start + 3]) for start in (0, 3, 6))
