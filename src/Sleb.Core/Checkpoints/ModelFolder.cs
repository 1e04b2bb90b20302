using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Sleb.Core.Families;

namespace Sleb.Core.Checkpoints;

/// <summary>The small files of a Hugging Face folder, and what may happen to the folder itself.</summary>
internal static partial class ModelFolder
{
    /// <summary>Files that stay true for a pruned model. The model card does not, and code is never copied.</summary>
    private static readonly string[] Companions =
    [
        ModelConfig.GenerationFileName, "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "tokenizer.model", "vocab.json",
        "merges.txt", "added_tokens.json", "chat_template.jinja", "chat_template.json",
    ];

    private static readonly string[] LegalPrefixes = ["LICENSE", "LICENCE", "NOTICE", "USE_POLICY"];

    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <exception cref="IOException">Replacing <paramref name="target"/> would delete the model it is made from.</exception>
    public static void RefuseToReplace(string source, string target)
    {
        string inside = Path.GetRelativePath(Resolve(target), Resolve(source));
        if (inside == "." || !(inside == ".." || inside.StartsWith(".." + Path.DirectorySeparatorChar, StringComparison.Ordinal) || Path.IsPathRooted(inside)))
            throw new IOException($"{target} is the folder of the model itself, or holds it; give another folder to write to.");
    }

    /// <summary>Tokenizer, generation settings and licence, copied where they are there.</summary>
    public static void CopyCompanions(string source, string target)
    {
        foreach (string path in Directory.EnumerateFiles(source).Order(StringComparer.Ordinal))
        {
            if (IsCompanion(Path.GetFileName(path))) Copy(path, target);
        }
    }

    /// <summary>Whether a file, by its name, is tokenizer, generation settings or licence; never one in a folder, and never code.</summary>
    public static bool IsCompanion(string name) => Companions.Contains(name) || IsLegal(name);

    /// <summary>Whether a file, by its name, is a licence or what belongs to one.</summary>
    public static bool IsLegal(string name) => LegalPrefixes.Any(prefix => name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)) && LegalName().IsMatch(name);

    [GeneratedRegex(@"^[\w-]+(?:\.\d+)*(?:\.(?:txt|md|pdf|rst))?\z", RegexOptions.ECMAScript | RegexOptions.IgnoreCase)]
    private static partial Regex LegalName();

    /// <summary>Copies the bytes alone: a read-only source, as a download cache has it, must not give a folder that cannot be replaced.</summary>
    public static void Copy(string path, string folder)
    {
        using var source = File.OpenRead(path);
        using var target = new FileStream(Path.Combine(folder, Path.GetFileName(path)), FileMode.CreateNew, FileAccess.Write);
        source.CopyTo(target);
    }

    public static void WriteJson(string path, JsonObject json) => File.WriteAllText(path, json.ToJsonString(Json) + "\n");

    public static long Bytes(string folder) => new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);

    /// <summary>The folder itself, whatever links the path goes through.</summary>
    private static string Resolve(string folder)
    {
        folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        if (Path.GetDirectoryName(folder) is not { } parent) return folder;
        folder = Path.Combine(Resolve(parent), Path.GetFileName(folder));
        return Directory.Exists(folder) && Directory.ResolveLinkTarget(folder, returnFinalTarget: true) is { } target ? Resolve(target.FullName) : folder;
    }
}
