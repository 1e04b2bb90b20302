using Sleb.Core.Checkpoints;

namespace Sleb.Core.Tokenization;

/// <summary>A model folder's tokenizer as a tokenizer.json: its own, or the one its older files convert to.</summary>
internal static class TokenizerSource
{
    private const string Json = "tokenizer.json";

    public static bool Exists(string folder) => Has(folder, Json) || Has(folder, SentencePieceConversion.FileName) || HasVocabularyAndMerges(folder);

    public static T Read<T>(string folder, Func<JsonPart, T> read)
    {
        if (Has(folder, Json)) return JsonFile.Read(Path.Combine(folder, Json), read);
        if (Convert(folder) is { } converted)
            return JsonFile.Parse(converted, Has(folder, SentencePieceConversion.FileName) ? Path.Combine(folder, SentencePieceConversion.FileName) : VocabularyAndMerges.Name(folder), read);
        throw new CheckpointException($"{folder} holds no {Json}, no {SentencePieceConversion.FileName}, and no {VocabularyAndMerges.Vocabulary} with {VocabularyAndMerges.Merges}. Copy them from where the model came from.");
    }

    /// <summary>The tokenizer.json that older files convert to; null where there are none, or where the folder has its own.</summary>
    public static byte[]? Convert(string folder) =>
        Has(folder, Json) ? null
        : Has(folder, SentencePieceConversion.FileName) ? SentencePieceConversion.Convert(folder)
        : HasVocabularyAndMerges(folder) ? VocabularyAndMerges.Convert(folder)
        : null;

    private static bool HasVocabularyAndMerges(string folder) => Has(folder, VocabularyAndMerges.Vocabulary) && Has(folder, VocabularyAndMerges.Merges);

    private static bool Has(string folder, string name) => File.Exists(Path.Combine(folder, name));
}
