using System.Text.Json;
using System.Text.RegularExpressions;
using Sleb.Core.Artifacts;
using Sleb.Core.Checkpoints;
using Sleb.Core.Hub;

namespace Sleb.MLNet.Reporting;

/// <summary>What the files of a model say about its name and its licence; nothing is guessed.</summary>
/// <param name="Name">The id of a model in the hub cache, else the folder's name.</param>
/// <param name="LicenceLines">The <c>license</c> lines of its own card's front matter.</param>
/// <param name="LicenceFiles">Names of its licence files.</param>
internal sealed partial record BaseModel(string Name, IReadOnlyList<string> LicenceLines, IReadOnlyList<string> LicenceFiles)
{
    /// <summary>The name in YAML: an id of the hub as it is, anything else quoted, because it might read as a number.</summary>
    public string Yaml => Id().IsMatch(Name) ? Name : JsonSerializer.Serialize(Name);

    public static BaseModel Of(string folder) => new(ModelSource.IdOf(folder), FrontMatter(Path.Combine(folder, Provenance.CardFileName)),
        [.. Directory.EnumerateFiles(folder).Select(path => Path.GetFileName(path)).Where(ModelFolder.IsLegal).Order(StringComparer.Ordinal)]);

    private static string[] FrontMatter(string card)
    {
        if (!File.Exists(card) || File.ReadLines(card).FirstOrDefault() != "---") return [];
        return [.. File.ReadLines(card).Skip(1).TakeWhile(line => line != "---").Where(line => LicenceLine().IsMatch(line)).Select(line => line.TrimEnd())];
    }

    [GeneratedRegex(@"^license(_name|_link)?: *\S")]
    private static partial Regex LicenceLine();

    [GeneratedRegex(@"^[A-Za-z][\w.-]*/[\w.-]+\z")]
    private static partial Regex Id();
}
