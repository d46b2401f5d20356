"""The names of people, towns and products in the demo's messages, and those kept from training.

Why it exists: phrase boosting is for words a model has never met. The demo is trained on the names
of `KNOWN` and on invented ones; those of `HELD_OUT` it never meets, so they measure boosting.

Run `python names.py` to print how many there are, and a few invented ones.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from grammar import LANGUAGES, listed


@dataclass(frozen=True)
class Names:
    """Names of one language, by what they name."""

    first: tuple[str, ...]
    last: tuple[str, ...]
    town: tuple[str, ...]
    product: tuple[str, ...]

    def all(self) -> tuple[str, ...]:
        return (*self.first, *self.last, *self.town, *self.product)


def names(first: str, last: str, town: str, product: str) -> Names:
    """Read four lists; names are separated by spaces, and `_` is a space within one."""
    lists = [
        tuple(n.replace("_", " ") for n in text.split()) for text in (first, last, town, product)
    ]
    return Names(*lists)


KNOWN: dict[str, Names] = {
    "en-US": names(
        "Anna Peter Emily Jacob Olivia Marcus Sophie Daniel Grace Henry Laura Victor Hannah "
        "Oscar Rachel Simon Megan Tyler Chloe Adrian Nora Felix Julia Martin Carmen Leon Ruby "
        "Walter Alice Bruno Diana Edward Fiona Gordon Helen Ivan Jasmine Kevin Lydia Nathan "
        "Paula Robert Sandra Thomas Vanessa William Yusuf Zoe Priya Amir",
        "Weber Johnson Miller Parker Bennett Sullivan Hughes Foster Novak Garcia Turner Morgan "
        "Fletcher Ramirez Collins Peterson Watson Delgado Harris Mitchell Schneider Nakamura "
        "Anderson Caldwell Porter Maxwell Jensen Robinson Stewart Chapman Baxter Dawson "
        "Ellison Gilbert Hoffman Ingram Kowalski Lambert Montgomery Norris Osborne Patterson "
        "Quinn Russell Sanders Thornton Underwood Vaughn Whitaker Zimmerman",
        "Boston Chicago Denver Seattle Houston Dallas Portland Atlanta Phoenix Orlando Memphis "
        "Austin Madison Cleveland Detroit Lisbon London Paris Madrid Vienna Prague Dublin Oslo "
        "Toronto Montreal Sydney Melbourne Cairo Nairobi Delhi Tokyo Osaka Springfield "
        "Richmond Oakland Fresno Omaha Tucson Raleigh Lincoln Newport Buffalo Durham Geneva "
        "Hamburg Santa_Monica New_Haven Brighton Manchester Calgary",
        "Melodix Sunfield Carbonex Lumina Brightwave Tornado Velvetine Pixelon Marvello "
        "Nightfall Orbita Fastline Greenleaf Solaris Thunderbolt Crystalex Mobilo Harvester "
        "Polarix Silverstone Datacore Echoland Moonlight Ventura Riverton",
    ),
    "de-DE": names(
        "Anna Peter Lukas Marie Jonas Sabine Felix Katrin Moritz Heike Stefan Ursula Tobias "
        "Greta Matthias Birgit Florian Johanna Andreas Claudia Bernd Dorothea Emil Franziska "
        "Georg Hannelore Ingrid Jürgen Konrad Lieselotte Manfred Nadine Otto Petra Rainer "
        "Silke Thomas Ulrike Volker Wiebke Günther Käthe Sören Mehmet Aylin Dimitri Paulina "
        "Karsten Leonie Benedikt",
        "Weber Müller Schneider Fischer Becker Hoffmann Schäfer Koch Richter Klein Wolf "
        "Neumann Schwarz Zimmermann Braun Krüger Hartmann Lange Werner Krause Lehmann Köhler "
        "Maier Huber Kaiser Fuchs Lang Scholz Weiß Jung Hahn Schubert Vogel Friedrich Keller "
        "Günter Frank Berger Winkler Roth Beck Lorenz Baumann Franke Albrecht Ludwig Winter "
        "Kraus Yilmaz Kowalski",
        "Berlin Hamburg München Köln Frankfurt Stuttgart Leipzig Dresden Bremen Hannover "
        "Nürnberg Duisburg Bochum Bonn Münster Mannheim Augsburg Kiel Lübeck Erfurt Rostock "
        "Mainz Kassel Potsdam Trier Lissabon Wien Zürich Salzburg Graz Basel Genf Paris London "
        "Rom Mailand Madrid Prag Warschau Kopenhagen Göttingen Heilbronn Ulm Bamberg Passau "
        "Konstanz Bad_Homburg Oldenburg Osnabrück Schwerin",
        "Melodix Sonnengold Karbonex Lumina Bergquell Tornado Samtweich Pixelon Waldkraft "
        "Nordlicht Orbita Eilbote Grünblatt Solaris Donnerkeil Kristallex Mobilo Erntegut "
        "Polarix Silberstein Datenkern Klangwelt Mondschein Frischzauber Rheinfels",
    ),
    "es-ES": names(
        "Ana Pedro Lucía Javier Marta Alejandro Carmen Diego Elena Fernando Gloria Héctor "
        "Isabel Jorge Laura Manuel Natalia Óscar Paula Ramón Silvia Tomás Verónica Andrés "
        "Beatriz Carlos Dolores Emilio Francisca Gonzalo Inés Julián Leonor Miguel Noelia "
        "Pablo Raquel Sergio Teresa Vicente Adela Bernardo Cristina Eduardo Rosario Lorenzo "
        "Mónica Nicolás Pilar Simón",
        "García Martínez López Sánchez Pérez Gómez Fernández Moreno Jiménez Ruiz Hernández "
        "Díaz Álvarez Romero Navarro Torres Domínguez Vázquez Ramos Gil Ramírez Serrano Blanco "
        "Molina Morales Suárez Ortega Delgado Castro Ortiz Rubio Marín Sanz Núñez Iglesias "
        "Medina Garrido Cortés Castillo Santos Lozano Guerrero Cano Prieto Méndez Cruz Calvo "
        "Gallego Vidal León",
        "Madrid Barcelona Valencia Sevilla Zaragoza Málaga Murcia Palma Bilbao Alicante "
        "Córdoba Valladolid Vigo Granada Vitoria Elche Oviedo Cartagena Jerez Pamplona Almería "
        "Burgos Santander Castellón Albacete Logroño Badajoz Salamanca Huelva Lérida Tarragona "
        "Jaén Cádiz Lisboa Londres París Roma Bogotá Lima Quito Caracas Rosario Guadalajara "
        "Monterrey Toledo Segovia San_Fernando Cuenca Ávila Gerona",
        "Melodix Solnaciente Carbonex Lumina Brisamar Tornado Terciopelo Pixelón Maravilla "
        "Estrella Órbita Rapidín Hojaverde Solaris Relámpago Cristalina Móvilo Cosecha Polarix "
        "Plateado Datanova Ecosonido Lunallena Ventura Riofresco",
    ),
    "fr-FR": names(
        "Anna Pierre Camille Julien Sophie Mathieu Claire Antoine Isabelle Nicolas Hélène "
        "Laurent Marie Olivier Pauline Romain Sandrine Thierry Valérie Xavier Amélie Bernard "
        "Céline Denis Élodie François Gabrielle Henri Inès Jacques Karine Louise Maxime "
        "Nathalie Pascal Renée Sébastien Thérèse Vincent Yasmine Arnaud Brigitte Christophe "
        "Delphine Étienne Florence Gérard Juliette Lucas Margaux",
        "Martin Bernard Dubois Durand Moreau Laurent Simon Michel Lefebvre Leroy Roux David "
        "Bertrand Morel Fournier Girard Bonnet Dupont Lambert Fontaine Rousseau Vincent Müller "
        "Lefèvre Faure André Mercier Blanc Guérin Boyer Garnier Chevalier François Legrand "
        "Gauthier Perrin Robin Clément Morin Nicolas Henry Roussel Mathieu Gautier Masson "
        "Marchand Duval Denis Dumont Benali",
        "Paris Marseille Lyon Toulouse Nice Nantes Montpellier Strasbourg Bordeaux Lille "
        "Rennes Reims Toulon Grenoble Dijon Angers Nîmes Clermont Brest Limoges Tours Amiens "
        "Perpignan Metz Besançon Orléans Rouen Mulhouse Caen Nancy Genève Lausanne Bruxelles "
        "Liège Londres Lisbonne Madrid Berlin Rome Milan Québec Montréal Dakar Tunis Avignon "
        "Poitiers Saint_Malo Cannes Colmar Valence",
        "Mélodix Soleillade Carbonex Lumina Brisemer Tornade Velours Pixelon Merveille Étoile "
        "Orbita Rapido Feuilleverte Solaris Tonnerre Cristallex Mobilo Moisson Polarix "
        "Argentine Datanova Échobelle Clairdelune Aventure Fontbelle",
    ),
    "ja-JP": names(
        "はなこ たろう ゆうこ けんじ さくら ひろし あやか だいすけ みさき まこと なおみ しんじ "
        "えみ たかし ようこ あきら めぐみ りょう ともこ けいこ かずや まゆみ いちろう さちこ "
        "のぼる ゆみ こうじ れいこ つよし あゆみ じゅん みどり まさお きょうこ しげる りさ "
        "やすお ひとみ せいじ くみこ",
        "さとう すずき たかはし たなか いとう わたなべ やまもと なかむら こばやし かとう "
        "よしだ やまだ ささき やまぐち まつもと いのうえ きむら はやし さいとう しみず "
        "やまざき もり いけだ はしもと あべ いしかわ まえだ ふじた おかだ ごとう はせがわ "
        "むらかみ こんどう いしい さかもと えんどう あおき ふじい にしむら ふくだ おおた "
        "みうら おかもと まつだ なかがわ なかの はらだ おの たむら たけうち",
        "とうきょう おおさか きょうと なごや さっぽろ ふくおか こうべ せんだい ひろしま "
        "よこはま かわさき さいたま ちば にいがた はままつ しずおか おかやま かごしま まつやま "
        "ながさき かなざわ ながの とやま おおいた あおもり もりおか あきた やまがた ふくしま "
        "なら おおつ つくば なは ろんどん ぱり ろーま まどりーど うぃーん しどにー とろんと "
        "うえの しぶや めぐろ あさくさ しながわ",
        "めろでぃ るみな かーぼん とるねーど ぴくせる おるびた そらりす くりすた もびろ "
        "ぽらりす えこらんど むーんらいと べんちゅら さくらもち やまびこ はやぶさ こもれび "
        "あさひ すいれん ほたる ゆきぐに かぜたち なみのり にじいろ つきみ",
    ),
}

HELD_OUT: dict[str, Names] = {
    "en-US": names(
        "Beatrice Dmitri Keisha Rosalind",
        "Okafor Lindqvist Abernathy Castellano",
        "Savannah Tallahassee Winnipeg Baton_Rouge",
        "Zentrix Glowmere Nova_Lumen",
    ),
    "de-DE": names(
        "Friedhelm Swantje Ottilie",
        "Okafor Brinkmann Weizsäcker Oberhauser Grabowski",
        "Quedlinburg Reykjavik Bad_Tölz Eckernförde",
        "Zentrix Glutstern Alpenwunder",
    ),
    "es-ES": names(
        "Esperanza Leopoldo Maribel",
        "Okafor Echeverría Zubizarreta Bustamante Quintanilla",
        "Ponferrada Estocolmo San_Tadeo Algeciras",
        "Zentrix Chispazo Viento_Sur",
    ),
    "fr-FR": names(
        "Guillaume Bérénice Théodore",
        "Okafor Villeneuve Charpentier Beaumarchais Kervadec",
        "Carcassonne Stockholm Bourg_Lastic Angoulême",
        "Zentrix Flamboyance Nuage_Bleu",
    ),
    "ja-JP": names(
        "ちひろ たつや ほのか",
        "かわしま みぞぐち あらき ひらつか とくなが",
        "はこだて くまもと べるりん うつのみや",
        "みるぽん ぜんとりす きらぼし",
    ),
}


# ---------------------------------------------------------------- invented names

STARTS = {
    "en-US": "B Br C Cl D Dr F Fl G Gr H J K L M N P Pr R S Sh St T Tr V W Z",
    "de-DE": "B Br D F Fr G Gr H J K Kl Kr L M N P Pf R S Sch St T Tr V W Z",
    "es-ES": "B Br C Ch D F Fr G Gr J L Ll M N P Pr Qu R S T Tr V Y Z",
    "fr-FR": "B Br C Ch D F Fl G Gr J L M N P Pr Qu R S T Tr V Y",
}
VOWELS = {
    "en-US": "a e i o u a e i o ee oo ai ou ea",
    "de-DE": "a e i o u a e i o ä ö ü ei au ie eu",
    "es-ES": "a e i o u a e i o ia ie ue á é í ó",
    "fr-FR": "a e i o u é è ou oi ai eau an on in",
}
MIDDLES = {
    "en-US": "b ck d ff g l ll m mb n nd nt p r rd rm s ss st t th tt v x z sh ch ng rl lk br str",
    "de-DE": "b ck d ff g l ll m mm n nd nn nk p r rd rg s ss sch st t tt ch chs lz tz ng rl hn",
    "es-ES": "b c d f g l ll m mb n nd nt ñ p r rr rt s sc st t v z br tr gr ch nc ld",
    "fr-FR": "b c d ff g l ll m n nn nt p r rr rt s ss st t tt v ch gn qu br vr nd mb",
}
ENDS = {
    "en-US": "son ton er y ford well man ley ix a o le ham en ick wood ia el",
    "de-DE": "mann er berg stein feld hof bach heim ke l ing a o ich burg hardt witz el",
    "es-ES": "ez o a ero ena illo ista ón al ía ante ura in ar osa es",
    "fr-FR": "ette ier ot eau on in elle ard oux ac ine et ois ance ille en",
}
MORAE = listed(
    "あ い う え お か き く け こ さ し す せ そ た ち つ て と な に ぬ ね の は ひ ふ へ ほ "
    "ま み む め も や ゆ よ ら り る れ ろ わ が ぎ ぐ げ ご ざ じ ず ぜ ぞ だ で ど ば び ぶ べ "
    "ぼ ぱ ぴ ぷ ぺ ぽ きょ しょ しゅ じゅ りょ ちゃ"
)
JAPANESE_ENDS = listed("ん う か た の み や ま と ら し だ き き い こ")


def invent(language: str, rng: random.Random) -> str:
    """A name that nobody has, of two to four syllables, as the language might spell it."""
    while True:
        if language == "ja-JP":
            name = "".join(rng.choices(MORAE, k=rng.randint(1, 3))) + rng.choice(JAPANESE_ENDS)
            if name[1:2] == "ん" and len(name) == 2:
                continue
        else:
            parts = [rng.choice(STARTS[language].split())]
            for _ in range(rng.choice((1, 1, 1, 2))):
                parts.append(rng.choice(VOWELS[language].split()))
                parts.append(rng.choice(MIDDLES[language].split()))
            parts.append(rng.choice(ENDS[language].split()))
            name = "".join(parts)
            if name[0] in "AEIOUÉ" or "iii" in name:
                continue
        if not is_held_out(name):
            return name


def is_held_out(text: str) -> bool:
    """Whether a name that is kept from training occurs in a text."""
    folded = text.casefold()
    return any(name.casefold() in folded for each in HELD_OUT.values() for name in each.all())


def main() -> None:
    rng = random.Random(0)
    for language in LANGUAGES:
        known, kept = KNOWN[language].all(), HELD_OUT[language].all()
        print(language, len(known), "known,", len(kept), "held out;", end=" ")
        print(*(invent(language, rng) for _ in range(12)))


if __name__ == "__main__":
    main()
