using System.Globalization;
using System.Xml.Linq;
using static Sleb.MLNet.Reporting.Html;

namespace Sleb.MLNet.Reporting;

/// <summary>The same prompts answered by several folders, each token shaded by its loss.</summary>
internal static class PromptAnswers
{
    /// <summary>Where a shade ends, in nats.</summary>
    private static readonly double[] Bounds = [0.5, 1, 2, 4, 8];

    /// <param name="folders">Names, the dense model's first, and their answers to the same prompts.</param>
    public static IEnumerable<XElement> Write(IReadOnlyList<(string Name, IReadOnlyList<PromptAnswer> Answers)> folders)
    {
        yield return Element("p", "Prompts in italics, greedy answers behind them. The darker a token, the less the model expected it there.");
        for (int prompt = 0; prompt < folders[0].Answers.Count; prompt++)
            yield return Element("div", Attribute("class", "pair"), folders.Select(folder => Element("div", Element("h3", folder.Name), Answer(folder.Answers[prompt]))));
        yield return Element("ul", Attribute("class", "legend"), Enumerable.Range(0, Bounds.Length + 1).Select(shade =>
            Element("li", Element("span", Attribute("class", $"t{shade}"), shade < Bounds.Length ? $"below {N(Bounds[shade])} nats" : $"{N(Bounds[^1])} nats and more"))));
    }

    /// <remarks>It starts with text, of no width, because the writer puts no line breaks between elements that stand among text.</remarks>
    private static XElement Answer(PromptAnswer answer) => Element("p", Attribute("class", "tokens"), "\u200B", answer.Tokens.Select((token, i) =>
        Element(i < answer.PromptTokens ? "em" : "span", token.Nll is { } loss ? new[] { Attribute("class", $"t{Shade(loss)}"), Attribute("title", $"{loss.ToString("0.00", CultureInfo.InvariantCulture)} nats") } : null, token.Text)));

    private static int Shade(double loss) => Bounds.Count(bound => loss >= bound);
}
